import numpy as np
import pytest

from bandits.counts import zeros
from bandits.ope.log import LogError, Shape
from bandits.ope.target import N_DRAWS, fixed, from_policy, plackett_luce, uniform
from bandits.policies.registry import POLICIES
from tests.bandits.ope.making import marginal_at_second

SHAPE = Shape(2, 3, 6)


def learned():
    """Two segments, six items seen 100,000 times each, so that what one segment borrows is little.

    The best item is 5 in the first segment and 0 in the second.
    """
    clicks = np.array([[10.0, 20, 30, 40, 50, 90], [90.0, 50, 40, 30, 20, 10]]) * 100
    seen = np.full((2, 6), 100_000.0)
    return zeros(2, 6)._replace(impressions=seen, examined=seen, clicks=clicks)


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_makes_a_table_of_probabilities_without_repeats(name):
    counts = learned()
    before = [np.copy(getattr(counts, field)) for field in ("impressions", "clicks", "examined")]
    vectors = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 4)))[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    target = from_policy(POLICIES[name](), counts, SHAPE, np.random.default_rng(0), vectors=vectors)
    again = from_policy(POLICIES[name](), counts, SHAPE, np.random.default_rng(0), vectors=vectors)
    np.testing.assert_array_equal(target.table, again.table)
    assert target.table.shape == SHAPE
    np.testing.assert_allclose(target.table.sum(axis=2), 1.0)
    assert (target.table.sum(axis=1) <= 1 + 1e-9).all()  # an item stands at one position of a slate
    for old, field in zip(before, ("impressions", "clicks", "examined"), strict=True):
        np.testing.assert_array_equal(old, getattr(counts, field))


def test_a_ranking_without_ties_is_known_slot_by_slot():
    target = from_policy(POLICIES["greedy"](), learned(), SHAPE, np.random.default_rng(0))
    assert target.slots == "independent"
    np.testing.assert_array_equal(target.table.argmax(axis=2), [[5, 4, 3], [0, 1, 2]])


def test_ties_fall_at_random():
    """Items 2 and 3 tie for the best: each is first in half of the draws."""
    counts = learned()
    counts.clicks[:] = [10, 10, 50, 50, 10, 10]
    table = from_policy(POLICIES["greedy"](), counts, SHAPE, np.random.default_rng(0)).table
    np.testing.assert_allclose(table[:, 0, 2:4], 0.5, atol=4 * 0.5 / np.sqrt(N_DRAWS))


def test_uniform_shows_everything_everywhere():
    target = uniform(SHAPE)
    assert target.slots == "sequential"
    assert (target.table == 1 / 6).all()


def test_plackett_luce_draws_without_replacement():
    """Second place: P(a) = sum over b of w_b / W x w_a / (W - w_b)."""
    weights = np.array([[1.0, 2.0, 4.0]])
    target = plackett_luce("pl", weights, 2, np.random.default_rng(0))
    np.testing.assert_allclose(target.table[0, 0], weights[0] / 7)
    np.testing.assert_allclose(
        target.table[0, 1], marginal_at_second(weights[0]), atol=4 * 0.5 / np.sqrt(N_DRAWS)
    )


@pytest.mark.parametrize(
    "table",
    [
        np.full((1, 1, 2), 0.4),
        np.array([[[1.5, -0.5]]]),
        np.array([[[np.nan, 1.0]]]),
        np.ones((1, 1)),
    ],
)
def test_a_table_that_is_no_distribution_is_refused(table):
    with pytest.raises(LogError, match="sum to 1 over the items"):
        fixed("broken", table)


def test_counts_of_another_shape_and_slates_longer_than_the_catalogue_are_refused():
    for shape, said in (
        (Shape(2, 3, 7), "expected counts of 2 segments and 7 items"),
        (Shape(2, 7, 6), "as many items as places in a slate, found 6 items"),
    ):
        with pytest.raises(LogError, match=said):
            from_policy(POLICIES["greedy"](), learned(), shape, np.random.default_rng(0))
