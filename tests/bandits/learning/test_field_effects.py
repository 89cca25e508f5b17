"""Effects of fields: on numbers that fit on paper, on worlds that they were drawn from."""

import numpy as np
import pytest

from bandits.counts import zeros
from bandits.learning.field_effects import Effects, fit_effects, shifted
from bandits.learning.priors import arm_view, learn

N_ITEMS = 60
SIZES = (2, 4, 6)


def world(seed=0, n_segments=150, looks=40, spread=(0.0, 0.8, 0.0)):
    """Codes, looks, hits and log-odds beyond the item's own; only fields with a spread matter."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(size, size=n_segments) for size in SIZES], axis=1)
    shift = sum(
        s * rng.normal(size=(size, N_ITEMS))[codes[:, f]]
        for f, (s, size) in enumerate(zip(spread, SIZES, strict=True))
    )
    rate = 1 / (1 + np.exp(3 - shift))
    n = rng.poisson(looks, rate.shape).astype(float)
    return codes, n, rng.binomial(n.astype(int), rate).astype(float), shift


def fitted(codes, n, s):
    return fit_effects(n, s, np.full(N_ITEMS, 0.05), np.full(N_ITEMS, 10.0), codes)


def counts_of(n, s):
    return zeros(*n.shape)._replace(impressions=n, examined=n, clicks=s)


def test_fields_that_say_nothing_are_found_out_and_change_nothing():
    codes, n, s, shift = world()
    found = fitted(codes, n, s)
    assert np.isinf(found.clicks[[0, 2]]).all()
    assert found.clicks[1] < 8
    # what an item's values have in common is the item's own
    apart = [x - x.mean(axis=0) for x in (found.shift, shift)]
    assert np.corrcoef(apart[0].ravel(), apart[1].ravel())[0, 1] > 0.95
    for f in (0, 2):  # a value may click more than another, on all items alike
        assert np.ptp(found.values[f], axis=1).max() == 0
        assert (found.variances[f] == 0).all()


def test_where_no_field_matters_none_is_kept():
    kept = [
        np.isfinite(fitted(*world(seed, spread=(0.0, 0.0, 0.0))[:3]).clicks).sum()
        for seed in range(20)
    ]
    assert sum(kept) <= 1  # of 60


def test_a_field_that_goes_with_another_keeps_nothing():
    """A copy of the field that matters, wrong in one of ten segments."""
    codes, n, s, _ = world()
    wrong = np.random.default_rng(1).random(len(codes)) < 0.1
    copy = np.where(wrong, (codes[:, 1] + 1) % SIZES[1], codes[:, 1])
    found = fitted(np.column_stack([copy, codes[:, 1]]), n, s)
    assert found.clicks[0] > 10 * found.clicks[1]


def test_a_cells_own_clicks_are_not_in_its_shift():
    """Fitted without the cell the shift is the same, to the order of a Newton step."""
    codes, n, s, _ = world()
    whole = fitted(codes, n, s)
    n[3, 5] = s[3, 5] = 0.0
    assert fitted(codes, n, s).shift[3, 5] == pytest.approx(whole.shift[3, 5], abs=0.02)


def test_values_nobody_has_seen_are_as_unsure_as_the_field():
    codes, n, s, _ = world()
    found = fitted(codes, n, s)
    shift, variance = found.of((0, -1, 99))
    assert variance == pytest.approx(np.full(N_ITEMS, 1 / found.clicks[1]))
    assert np.ptp(shift) == 0


def test_a_new_combination_starts_from_its_values():
    """Segment 0 has counts; the same values without counts expect nearly what it does."""
    codes, n, s, shift = world(looks=100)
    beliefs = learn(counts_of(n, s), codes=codes)
    new = arm_view(counts_of(n, s), None, beliefs=beliefs, codes=tuple(codes[0].tolist()))
    truth = 1 / (1 + np.exp(3 - shift[0]))
    cold = arm_view(counts_of(n, s), None, beliefs=learn(counts_of(n, s)))
    error = [np.abs(view.prior_mean / truth - 1).mean() for view in (new, cold)]
    assert error[0] < 0.2 < 0.4 < error[1]
    assert new.impressions.sum() == 0
    assert (new.prior_strength > 2 * cold.prior_strength).mean() > 0.9


def test_one_field_and_no_field_are_segments_by_name():
    codes, n, s, _ = world()
    for few in (codes[:, :1], codes[:, :0]):
        assert learn(counts_of(n, s), codes=few).pools[-1].effects is None


def test_shifts_are_in_log_odds():
    """Odds of 1 : 3, tripled: 1 : 1, twice the rate."""
    assert shifted(np.array([0.25]), np.log([3.0])) == pytest.approx([2.0])


def test_nothing_counted_says_nothing():
    found = fitted(np.zeros((3, 3), dtype=np.int64), *np.zeros((2, 3, N_ITEMS)))
    assert isinstance(found, Effects)
    assert np.isinf(found.clicks).all()
    assert (found.shift == 0).all()


def test_segments_that_say_no_value_get_none():
    codes, n, s, _ = world()
    codes[:5] = -1
    found = fitted(codes, n, s)
    assert np.abs(found.shift[:5]).max() < 1e-12
    assert np.isfinite(found.shift).all()
