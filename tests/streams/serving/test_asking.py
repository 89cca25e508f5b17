"""What a request may say besides: filter, pin, objectives, fields; each alone and all together."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from scipy.stats import binom

from bandits.slates.config_file import parse_config
from bandits.slates.objectives import OBJECTIVES
from streams.contract.events import (
    Click,
    EventError,
    Filter,
    Objective,
    Pin,
    PriceFilter,
    Slate,
    SlateRequest,
    TagFilter,
    decode_slate,
    decode_slate_request,
    encode,
)
from streams.serving import responder as responder_module
from tests.streams.serving.world import ITEMS, World, request, shown

RED = ITEMS[:5]
CONFIGS = {"default": "", "floor": "[exploration]\nfloor = 0.3"}


def make(tmp_path: Path, text: str = "") -> World:
    world = World(tmp_path, parse_config(text)).fill()
    for number, item in enumerate(ITEMS):
        world.describe(
            item,
            title=f"title of {item}",
            category="red" if item in RED else "blue",
            price=float(number),
            tags=["even"] if number % 2 == 0 else ["odd", "rare"],
            vector=[float(number == other) for other in range(12)],
        )
        world.count("x", item, 1000.0, 600.0 - 50 * number)
    world.builder.want("base", "x", 10, world.now_s)
    world.turn(after_s=10)
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make(tmp_path)


SAID: dict[str, dict[str, Any]] = {
    "filter": {"filter": Filter(category=["red"])},
    "pin": {"pin": [Pin(ITEMS[11], 1)]},
    "objectives": {"objectives": {"click": 1.0, "freshness": 0.5, "relevance": 2.0}},
    "fields": {"fields": ["title", "price"]},
    "all": {
        "filter": Filter(tags=TagFilter(any=["odd", "even"]), price=PriceFilter(max=8.0)),
        "pin": [Pin(ITEMS[11], 0), Pin(ITEMS[2], 2)],
        "objectives": {"click": 1.0, "value": 1.0},
        "fields": ["title"],
        "exclude": [ITEMS[1]],
    },
}


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("said", SAID)
def test_propensities_are_frequencies_whatever_a_request_says(
    tmp_path: Path, config: str, said: str
) -> None:
    """3,000 requests of one state: a cell (item, place) outside of the interval that 0.1% of runs
    leave, over all cells together, is wrong.
    """
    world, n, k = make(tmp_path, CONFIGS[config]), 3000, 4
    seen: dict[tuple[str, int], list[float]] = {}
    for number in range(n):
        slate = world.ask(request(f"r{number}", segment="x", k=k, **SAID[said]))
        assert len(slate.items) == k
        for item in slate.items:
            seen.setdefault((item.item_id, item.position), []).append(item.propensity)
    total = np.zeros(k)
    for (item, place), propensities in seen.items():
        assert len(set(propensities)) == 1, (item, place)
        p = propensities[0]
        low, high = binom.interval(1 - 0.001 / len(seen), n, p)
        assert low <= len(propensities) <= high, (item, place, p, len(propensities) / n)
        total[place] += p
    assert ((total > 0.99) & (total < 1 + 1e-9)).all()


def test_a_filter_lets_through_what_fits_and_the_candidates_named(world: World) -> None:
    both = {"filter": Filter(category=["red"]), "candidates": [*ITEMS[3:9], "unheard of"]}
    assert set(shown(world.ask(request(k=12, filter=Filter(category=["red"]))))) == set(RED)
    assert set(shown(world.ask(request(k=12, **both)))) == {ITEMS[3], ITEMS[4]}
    assert shown(world.ask(request(filter=Filter(category=["green"])))) == []


def test_a_filter_follows_what_items_become(world: World) -> None:
    wanted = {"k": 12, "filter": Filter(category=["red"])}
    world.ask(request(**wanted))
    world.describe(ITEMS[0], category="blue")
    world.describe("new", category="red")
    world.turn(after_s=10)
    assert set(shown(world.ask(request(**wanted)))) == {*RED[1:], "new"}


def test_a_pin_stands_at_its_place_also_where_no_filter_lets_it_through(world: World) -> None:
    wanted = request(filter=Filter(category=["red"]), pin=[Pin(ITEMS[11], 2)], k=4)
    slate = world.ask(wanted)
    assert shown(slate)[2] == ITEMS[11]
    assert slate.items[2].propensity == 1.0
    assert slate.items[2].why["pinned"] == 1.0
    assert set(shown(slate)) - {ITEMS[11]} <= set(RED)


@pytest.mark.parametrize("how", ["unheard of", "excluded", "withdrawn"])
def test_a_pin_that_may_not_be_shown_leaves_its_place_to_the_policy(world: World, how: str) -> None:
    name = "unheard of" if how == "unheard of" else ITEMS[11]
    if how == "withdrawn":
        world.withdraw(name)
        world.turn()  # not a new state yet
    exclude = [name] if how == "excluded" else None
    slate = world.ask(request(pin=[Pin(name, 0)], k=4, exclude=exclude))
    assert len(slate.items) == 4
    assert name not in shown(slate)


def test_objectives_take_the_place_of_the_policy_files(world: World) -> None:
    """A user clicked an item that nobody else does: by relevance alone it comes first."""
    world.users.clicked(Click("s", "u", ITEMS[11], world.now_s))
    relevant = world.ask(request("v", segment="x", k=12, objectives={"relevance": 1.0}))
    assert shown(relevant)[0] == ITEMS[11]
    assert "thompson" not in relevant.items[0].why
    scores = [item.score for item in relevant.items]
    assert scores == sorted(scores, reverse=True)
    slates = [
        world.ask(request(f"w{n}", segment="x", k=12, objectives={"click": 1.0})) for n in range(8)
    ]
    assert {shown(slate)[0] for slate in slates} != {ITEMS[11]}  # each is as likely as another
    assert "relevance" not in slates[0].items[0].why


def test_fields_come_with_their_items_and_only_those_that_are_there(world: World) -> None:
    slate = world.ask(request(k=12, fields=["title", "brand", "tags"]))
    for item in slate.items:
        number = ITEMS.index(item.item_id)
        assert item.fields == {
            "title": f"title of {item.item_id}",
            "tags": ["even"] if number % 2 == 0 else ["odd", "rare"],
        }
    assert b"fields" not in encode(world.ask(request()))


def test_fields_of_any_length_fit_one_record(world: World) -> None:
    for item in ITEMS:
        world.describe(item, text="ü" * 400_000, tags=["t" * 10_000] * 1000)
    world.turn(after_s=10)
    slate = world.ask(request(k=12, fields=["text", "tags"]))
    assert len(encode(slate)) * 100 / 12 < 4_000_000


def test_a_fallback_slate_keeps_filter_and_pins(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(responder_module, "compose", fail)
    wanted = request(filter=Filter(category=["red"]), pin=[Pin(ITEMS[11], 1)], k=3)
    slate = world.ask(wanted)
    assert shown(slate)[1] == ITEMS[11]
    assert set(shown(slate)) - {ITEMS[11]} <= set(RED)
    assert [item.propensity for item in slate.items] == [0.2, 1.0, 0.2]


@pytest.mark.parametrize("said", SAID)
def test_only_a_request_that_says_nothing_is_quick(world: World, said: str) -> None:
    assert world.responder.is_quick(request())
    assert world.responder.is_quick(request(fields=["title"], k=50, segment="y"))
    assert world.responder.is_quick(request(**SAID[said])) == (said == "fields")


def test_a_user_who_clicked_is_quick_unless_relevance_counts(tmp_path: Path) -> None:
    for text, quick in (("", True), ("[objectives]\nclick = 1\nrelevance = 1", False)):
        world = make(tmp_path, text)
        world.users.clicked(Click("s", "known", ITEMS[1], world.now_s))
        assert world.responder.is_quick(request(user="known")) == quick
        assert world.responder.is_quick(request(user="new"))


def test_the_contract_names_the_objectives_that_there_are() -> None:
    assert set(get_args(Objective)) == set(OBJECTIVES)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"pin": [Pin("a", 0), Pin("a", 1)]}, "item once"),
        ({"pin": [Pin("a", 0), Pin("b", 0)]}, "position once"),
        ({"pin": [Pin("a", 10)]}, "below `k`"),
        ({"pin": [Pin("a", -1)]}, "position"),
        ({"objectives": {"click": 0.0}}, "above 0"),
        ({"objectives": {}}, "above 0"),
        ({"objectives": {"fun": 1.0}}, "objectives"),
        ({"objectives": {"click": -1.0}}, "objectives"),
        ({"fields": ["vector"]}, "fields"),
        ({"filter": Filter(category=["a"] * 1001)}, "category"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(fields: dict[str, Any], part: str) -> None:
    with pytest.raises(EventError, match=part):
        decode_slate_request(encode(request(**fields)))


def test_a_request_and_its_slate_are_the_same_after_the_wire(world: World) -> None:
    for said in SAID.values():
        wanted = request(k=6, **said)
        assert decode_slate_request(encode(wanted)) == wanted
        slate = world.ask(wanted)
        assert isinstance(wanted, SlateRequest)
        assert isinstance(slate, Slate)
        assert decode_slate(encode(slate)) == slate
