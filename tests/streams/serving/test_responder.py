"""The responder: the same request gets the same slate, and only of items that may be shown now."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bandits.slates.config import DEFAULT
from streams.contract.events import Click
from streams.serving import responder as responder_module
from streams.serving.responder import FALLBACK, NotReady
from tests.streams.making import NOW_S
from tests.streams.serving.world import ITEMS, World, request, shown


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).fill()


def test_a_slate_says_what_it_was_made_of(world: World) -> None:
    slate = world.ask(request("r7", segment="x", k=3))
    assert (slate.slate_id, slate.request_id, slate.user_id) == ("r7", "r7", "u")
    assert (slate.group, slate.segment, slate.variant) == ("group", "x", "base")
    assert (slate.policy, slate.policy_version) == (DEFAULT.policy, DEFAULT.version)
    assert (slate.encoder, slate.counts_ts, slate.ts) == (None, NOW_S, NOW_S)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"segment": "x"},
        {"candidates": ITEMS[:6]},
        {"exclude": ITEMS[:2]},
        {"user": "clicked"},
    ],
)
def test_the_same_request_of_the_same_state_gets_the_same_slate(
    world: World, fields: dict[str, object]
) -> None:
    """Whatever came in between, and whether its pool was there or not."""
    world.users.clicked(Click("s", "clicked", ITEMS[3], NOW_S))
    first = world.ask(request("again", k=4, **fields))
    for number in range(10):
        world.ask(request(f"other-{number}", k=4, **fields))
    assert world.ask(request("again", k=4, **fields)) == first


def test_other_requests_get_other_slates(world: World) -> None:
    slates = {tuple(shown(world.ask(request(f"r{number}", k=4)))) for number in range(30)}
    assert len(slates) > 5


def test_the_segment_is_the_requests_own_or_its_contexts_or_default(world: World) -> None:
    segments = [
        world.ask(request(segment="own", context={"age": "30"})).segment,
        world.ask(request(context={"age": "30"})).segment,
        world.ask(request(context={"sex": "F"})).segment,
    ]
    assert segments == ["own", "age=30", "default"]


def test_what_is_clicked_is_shown_first(world: World) -> None:
    world.ask(request(segment="x"))
    world.turn()  # the segment is prepared
    slates = [world.ask(request(f"r{number}", segment="x", k=3)) for number in range(20)]
    first = [shown(slate)[0] for slate in slates]
    assert first.count(ITEMS[0]) >= 18
    best = next(slate for slate in slates if shown(slate)[0] == ITEMS[0]).items[0]
    assert best.why["impressions"] == 1000
    assert best.propensity > 0.5


@pytest.mark.parametrize("k", [1, 5, 100])
def test_k_items_or_as_many_as_there_are_and_none_twice(world: World, k: int) -> None:
    slate = world.ask(request(k=k))
    assert len(slate.items) == len(set(shown(slate))) == min(k, len(ITEMS))
    assert [item.position for item in slate.items] == list(range(len(slate.items)))


def test_only_candidates_are_shown_and_nothing_excluded(world: World) -> None:
    wanted = [*ITEMS[:5], "never described"]
    slate = world.ask(request(k=10, candidates=wanted, exclude=[ITEMS[3], "unheard of"]))
    assert set(shown(slate)) == {ITEMS[0], ITEMS[1], ITEMS[2], ITEMS[4]}


@pytest.mark.parametrize("fields", [{}, {"candidates": ITEMS[:4]}, {"segment": "x"}])
def test_what_was_withdrawn_or_made_unavailable_since_is_not_shown(
    world: World, fields: dict[str, object]
) -> None:
    """Before the next state is made, too."""
    state = world.builder.state
    world.describe(ITEMS[1], available=False)
    world.withdraw(ITEMS[2])
    world.turn()
    assert state is not None
    assert world.builder.state is not None
    assert world.builder.state.number == state.number
    slate = world.ask(request(k=12, **fields))
    assert not {ITEMS[1], ITEMS[2]} & set(shown(slate))
    world.describe(ITEMS[1])
    world.turn()
    assert ITEMS[1] in shown(world.ask(request(k=12, **fields)))


def test_no_candidates_is_an_empty_slate_and_an_answer_all_the_same(world: World) -> None:
    for fields in ({"candidates": []}, {"candidates": ["never described"]}):
        assert world.ask(request(**fields)).items == []
    assert len(world.ask(request()).items) == 10


def test_an_item_that_came_a_moment_ago_is_waited_for(world: World) -> None:
    world.describe("brand new")
    world.turn()
    wanted = request(candidates=["brand new"])
    assert world.waits(wanted)
    world.turn(after_s=60.0)
    assert not world.waits(wanted)
    assert shown(world.ask(wanted)) == ["brand new"]


def test_where_nobody_describes_items_those_that_a_request_names_are_shown(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.turn()
    wanted = request(candidates=["a", "b"])
    assert world.waits(wanted)
    world.turn(after_s=60.0)
    assert sorted(shown(world.ask(wanted))) == ["a", "b"]


def test_a_segment_with_counts_is_waited_for_and_one_without_is_not(world: World) -> None:
    assert not world.waits(request(segment="never seen"))
    assert world.waits(request(segment="x"))
    world.turn()
    assert not world.waits(request(segment="x"))


def test_segments_without_counts_share_what_is_prepared(world: World) -> None:
    for number in range(1000):
        world.ask(request(f"r{number}", segment=f"invented-{number}", k=2))
    world.turn(after_s=60.0)
    state = world.builder.state
    assert state is not None
    assert set(state.prepared) == set()


def test_before_the_first_state_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="not read yet; try again"):
        World(tmp_path).responder.answer(request(), NOW_S)


def test_without_any_item_the_slate_is_empty(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.turn()
    slate = world.ask(request())
    assert (slate.items, slate.segment) == ([], "default")


def test_a_scorer_that_fails_costs_a_fallback_slate_with_right_propensities_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of ten eligible items is first with probability 1/10."""

    def broken(*_args: object) -> None:
        msg = "this scorer is broken"
        raise FloatingPointError(msg)

    monkeypatch.setattr(responder_module, "compose", broken)
    slates = [world.ask(request(f"r{number}", k=3, exclude=ITEMS[:2])) for number in range(2000)]
    assert {slate.policy for slate in slates} == {FALLBACK}
    items = [item for slate in slates for item in slate.items]
    assert all(item.why == {"mode": 1.0} and item.propensity == 0.1 for item in items)
    first = Counter(shown(slate)[0] for slate in slates)
    assert set(first) == set(ITEMS[2:])
    assert max(abs(n / 2000 - 0.1) for n in first.values()) < 4 * np.sqrt(0.09 / 2000)
    sample = world.metrics.registry.get_sample_value
    assert sample("slatestream_fallback_slates_total") == 2000
    assert len([each for each in caplog.records if "fallback" in each.message]) == 1
    world.now_s += 61
    world.ask(request())
    assert len([each for each in caplog.records if "fallback" in each.message]) == 2


def test_segments_without_counts_share_one_snapshot(world: World) -> None:
    """However many a client invents, nothing is made for them."""
    for number in range(100):
        world.ask(request(f"r{number}", segment=f"invented-{number}", k=3))
    world.count("x", ITEMS[1], 1.0)
    world.turn(after_s=60.0)
    base = world.builder.state.variants["base"]
    assert {base.snapshot(f"invented-{number}") for number in range(100)} == {None}
    slate = world.ask(request("again", segment="invented-1", k=3))
    assert (slate.segment, len(slate.items)) == ("invented-1", 3)


def test_a_hurried_answer_is_a_fallback_slate(world: World) -> None:
    slate = world.responder.answer(request("r", k=3), NOW_S, hurried=True)
    assert slate.policy == FALLBACK
    assert [item.why for item in slate.items] == [{"mode": 1.0}] * 3
