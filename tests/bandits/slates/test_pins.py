"""Pins: where they stand, and that the propensity of everything else stays right."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.slates.request import Pin, RequestError
from bandits.slates.serve import compose
from tests.bandits.calibration import assert_calibrated, observe
from tests.bandits.slate_world import ask, make_catalogue, make_snapshot

FILES = {
    "default": "",
    "greedy": "[policies.greedy]",
    "random": "[policies.random]",
    "floor": "[exploration]\nfloor = 0.3",
    "mmr": '[diversity]\nkind = "mmr"',
    "team draft": 'combiner = "team_draft"',
    "limits": "[exposure]\nmax_per_category = 1",
}
PINS = (Pin(29, 0), Pin(3, 2))


def wanted(k: int, pins: tuple[Pin, ...], **more: object):
    return ask(k, **more)._replace(pins=pins)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("more", [{}, {"candidates": np.arange(4, 20)}])
def test_propensities_are_right_beside_pins(name: str, more: dict):
    request = wanted(5, PINS, **more)
    assert_calibrated(
        *observe(make_snapshot(FILES[name]), request, 3_000, np.random.default_rng(4))
    )


def test_pins_stand_at_their_places_with_propensity_one_and_nothing_twice():
    snapshot = make_snapshot()
    for result in compose(snapshot, [wanted(5, PINS)] * 100, np.random.default_rng(1)):
        assert (result.items[0], result.items[2]) == (29, 3)
        assert np.unique(result.items).size == 5
        assert result.propensities[[0, 2]].tolist() == [1.0, 1.0]
        assert [parts.get("pinned") for parts in result.why] == [1.0, None, 1.0, None, None]


def test_the_rest_is_the_slate_that_excludes_the_pins():
    pinned = compose(make_snapshot(), [wanted(5, PINS)], np.random.default_rng(2))[0]
    exclude = np.array([3, 29])
    rest = compose(make_snapshot(), [ask(3, exclude=exclude)], np.random.default_rng(2))[0]
    assert pinned.items[[1, 3, 4]].tolist() == rest.items.tolist()
    assert pinned.propensities[[1, 3, 4]].tolist() == rest.propensities.tolist()


def test_what_may_not_be_shown_is_not_pinned():
    catalogue = make_catalogue()
    catalogue.available[29] = False
    request = wanted(5, PINS, exclude=np.array([3]))
    result = compose(make_snapshot(catalogue=catalogue), [request], np.random.default_rng(3))[0]
    assert result.items.size == 5
    assert not {3, 29} & set(result.items.tolist())


@pytest.mark.parametrize(
    ("candidates", "items"),
    [([], [3, 29]), ([7], [3, 7, 29]), ([3, 29], [3, 29])],
)
def test_a_pin_moves_up_where_too_few_items_are_eligible(candidates: list[int], items: list[int]):
    """Places 1 and 9 of ten, and at most one other item."""
    found = np.array(candidates, dtype=np.int64)
    pins = (Pin(29, 9), Pin(3, 0))
    result = compose(
        make_snapshot(), [wanted(10, pins, candidates=found)], np.random.default_rng(5)
    )[0]
    assert result.items.tolist() == items


def test_a_slate_of_pins_only():
    result = compose(make_snapshot(), [wanted(1, (Pin(4, 0),))], np.random.default_rng(5))[0]
    assert (result.items.tolist(), result.propensities.tolist()) == ([4], [1.0])


@pytest.mark.parametrize(
    "pins",
    [(Pin(1, 0), Pin(1, 1)), (Pin(1, 0), Pin(2, 0)), (Pin(1, 5),), (Pin(30, 0),), (Pin(1, -1),)],
)
def test_pins_that_cannot_be_are_refused(pins: tuple[Pin, ...]):
    with pytest.raises(RequestError, match="pins must"):
        compose(make_snapshot(), [wanted(5, pins)], np.random.default_rng(5))
