"""Events to counts: one batch equals many, and equals counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.counts import CountsError, validate, zeros
from bandits.learning.outcome_counts import Events, tally

N_SEGMENTS, N_ITEMS = 3, 5


def events_of(seed: int, n: int) -> Events:
    rng = np.random.default_rng(seed)
    click = rng.integers(0, 2, n).astype(float)
    conversion = click * rng.integers(0, 2, n)
    return Events(
        rng.integers(0, N_SEGMENTS, n),
        rng.integers(0, N_ITEMS, n),
        click,
        conversion,
        conversion * rng.integers(1, 9, n),
        rng.choice([1.0, 0.5, 0.25], n),
    )


@given(st.integers(0, 2**31), st.integers(0, 40))
def test_a_batch_equals_counting_one_by_one(seed: int, n: int):
    events = events_of(seed, n)
    expected = zeros(N_SEGMENTS, N_ITEMS)
    for at, (s, i) in enumerate(zip(events.segment, events.item, strict=True)):
        expected.impressions[s, i] += 1
        expected.clicks[s, i] += events.click[at]
        expected.conversions[s, i] += events.conversion[at]
        expected.value[s, i] += events.value[at]
        expected.examined[s, i] += events.examined[at]
    got = tally(zeros(N_SEGMENTS, N_ITEMS), events)
    for name in ("impressions", "clicks", "conversions", "value", "examined"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))
    validate(got)


@given(st.integers(0, 2**31), st.integers(1, 40))
def test_one_batch_equals_many_small_ones(seed: int, n: int):
    events = events_of(seed, n)
    whole = tally(zeros(N_SEGMENTS, N_ITEMS), events)
    parts = zeros(N_SEGMENTS, N_ITEMS)
    for at in range(0, n, 7):
        parts = tally(parts, Events(*(array[at : at + 7] for array in events)))
    for name in ("impressions", "clicks", "conversions", "value", "examined"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_counts_before_stay_as_they_were():
    before = tally(zeros(N_SEGMENTS, N_ITEMS), events_of(1, 30))
    copy = [np.copy(array) for array in before[:6]]
    tally(before, events_of(2, 30))
    for old, new in zip(copy, before[:6], strict=True):
        np.testing.assert_array_equal(old, new)


def test_without_weights_every_impression_is_examined():
    got = tally(zeros(1, 2), Events(np.array([0, 0]), np.array([1, 1])))
    assert got.examined.tolist() == [[0, 2]]
    assert got.clicks.tolist() == [[0, 0]]


@pytest.mark.parametrize(("segment", "item"), [(3, 0), (0, 5), (-1, 0)])
def test_what_the_counts_do_not_have_is_refused(segment: int, item: int):
    with pytest.raises(CountsError, match="grow"):
        tally(zeros(N_SEGMENTS, N_ITEMS), Events(np.array([segment]), np.array([item])))


@given(st.integers(0, 2**31), st.integers(0, 40))
def test_in_place_gives_the_same_sums_in_the_callers_own_arrays(seed: int, n: int):
    events = events_of(seed, n)
    own = zeros(N_SEGMENTS, N_ITEMS)
    got = tally(own, events, in_place=True)
    expected = tally(zeros(N_SEGMENTS, N_ITEMS), events)
    for name in ("impressions", "clicks", "conversions", "value", "examined"):
        np.testing.assert_array_equal(getattr(own, name), getattr(expected, name))
        assert np.shares_memory(getattr(got, name), getattr(own, name))


def test_one_array_for_impressions_and_looks_stays_one_until_positions_are_weighed():
    own = zeros(1, 2)
    own = own._replace(examined=own.impressions)
    plain = Events(np.array([0, 0]), np.array([1, 1]))
    got = tally(own, plain)
    assert got.examined is got.impressions
    assert got.impressions.tolist() == [[0, 2]]
    assert tally(own, plain, in_place=True).impressions.tolist() == [[0, 2]]
    weighed = plain._replace(examined=np.array([0.5, 0.5]))
    assert tally(got, weighed).impressions.tolist() == [[0, 4]]
    assert tally(got, weighed).examined.tolist() == [[0, 3]]
    with pytest.raises(CountsError, match="copy"):
        tally(own, weighed, in_place=True)
