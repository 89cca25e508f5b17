"""Counts add up, forget by half-life without losing that, and refuse what no log can hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.counts import SUMS, Counts, CountsError, add, rebase, validate, zeros

SHAPE = (2, 3)


def sample(seed, n_recent=0):
    rng = np.random.default_rng(seed)
    impressions = rng.integers(1, 50, SHAPE).astype(float)
    clicks = np.floor(impressions * rng.random(SHAPE))
    recent = tuple(sample(seed + 100 * (i + 1)) for i in range(n_recent))
    return Counts(
        impressions,
        clicks,
        np.floor(clicks / 2),
        clicks * 1.5,
        impressions * 0.5,
        impressions * 0.1,
        recent,
    )


def equal(a, b):
    return all(np.allclose(getattr(a, name), getattr(b, name)) for name in SUMS) and all(
        equal(x, y) for x, y in zip(a.recent, b.recent, strict=True)
    )


def test_the_empty_log_is_neutral_and_order_does_not_matter():
    a, b = sample(1, 2), sample(2, 2)
    assert equal(add(a, zeros(*SHAPE, 2)), a)
    assert equal(add(a, b), add(b, a))


def test_sums_of_partitions_are_the_whole():
    parts = [sample(i) for i in range(4)]
    whole = parts[0]
    for part in parts[1:]:
        whole = add(whole, part)
    assert np.allclose(whole.clicks, sum(part.clicks for part in parts))
    validate(whole)


def test_adding_needs_one_shape_and_as_many_memories():
    with pytest.raises(CountsError, match="one shape"):
        add(zeros(1, 2), zeros(2, 2))
    with pytest.raises(CountsError, match="discounted copies"):
        add(zeros(1, 2, 1), zeros(1, 2))


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("clicks", np.nan, "finite"),
        ("value", np.inf, "finite"),
        ("clicks", -1.0, "negative"),
        ("clicks", 99.0, "exceed counts.impressions"),
        ("conversions", 99.0, "exceed counts.impressions"),
        ("examined", 99.0, "exceed counts.impressions"),
        ("pending", 40.0, "exceed counts.examined"),
    ],
)
def test_impossible_counts_are_refused_with_their_place(field, value, rule):
    counts = sample(3)
    getattr(counts, field)[1, 2] = value
    with pytest.raises(CountsError, match=rf"{field} must .*{rule}.*segment 1, item 2"):
        validate(counts)


def test_a_memory_is_checked_like_the_whole():
    counts = sample(3, 1)
    counts.recent[0].clicks[0, 0] = np.nan
    with pytest.raises(CountsError, match="finite"):
        validate(counts)
    with pytest.raises(CountsError, match="shape"):
        validate(sample(3)._replace(recent=(zeros(1, 1),)))


def test_arrays_of_another_shape_are_refused():
    with pytest.raises(CountsError, match=r"counts.clicks must be \(n_segments, n_items\)"):
        validate(sample(3)._replace(clicks=np.zeros(3)))


def test_negative_values_are_returns_and_allowed():
    validate(sample(4)._replace(value=np.full(SHAPE, -2.0)))


def test_one_half_life_halves():
    assert rebase(np.array([8.0]), 100.0, 110.0, 10.0)[0] == 4.0
    assert rebase(np.array([8.0]), 100.0, 1e9, np.inf)[0] == 8.0
    with pytest.raises(CountsError, match="half_life_s"):
        rebase(np.array([1.0]), 0.0, 1.0, 0.0)


@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=20), st.floats(1000, 2000), st.integers(0, 19)
)
def test_discounted_sums_add_up_wherever_the_log_is_cut(times, now, cut):
    """sum of 2^((t - now) / h) is the same for the whole log, and for two parts with reference
    times of their own.
    """
    half_life = 300.0
    whole = sum(2.0 ** ((t - now) / half_life) for t in times)
    parts = 0.0
    for part, ref in ((times[:cut], 500.0), (times[cut:], 777.0)):
        seen_from_ref = np.array([sum(2.0 ** ((t - ref) / half_life) for t in part)])
        parts += rebase(seen_from_ref, ref, now, half_life)[0]
    assert parts == pytest.approx(whole, rel=1e-9)
