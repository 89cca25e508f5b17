"""The world of real tastes is the one that is described, to the digit where that is known."""

import numpy as np
import pytest

from bandits.simulation.movielens import data_folder, movielens, read_tastes, shrink
from bandits.simulation.world import check_world, slate_regret, uniform_regret


@pytest.fixture(scope="module")
def tastes():
    return read_tastes(data_folder())


def test_the_world_is_the_one_of_the_description(tastes):
    """150 films, 943 users in 8 segments, strength about 50; over 200,000 visits a random order
    loses 161,500 clicks or so.
    """
    assert tastes.rates.shape == (8, 150)
    assert tastes.users.sum() == 943
    assert tastes.strength == pytest.approx(50, rel=0.05)
    assert uniform_regret(movielens(), 200_000) == pytest.approx(161_503, rel=0.002)


def test_the_best_single_slate_for_everybody_loses_9851():
    world = movielens()
    check_world(world)
    one = np.argsort(-(world.share @ world.rates))[:5]
    lost = slate_regret(world, 0, np.arange(8), np.broadcast_to(one, (8, 5))).sum(axis=1)
    assert 200_000 * world.share @ lost == pytest.approx(9851, abs=10)


def test_variants_differ_in_what_they_say():
    plain = movielens()
    assert movielens("tenth").rates == pytest.approx(plain.rates * 0.1)
    assert movielens("delay_1000").delay == 1000
    drift = movielens("drift", n_visits=1000, rng=np.random.default_rng(0))
    assert drift.change_at == 500
    assert ((drift.rates_after != plain.rates).any(axis=0)).sum() == 40


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="variant must be plain"):
        movielens("sideways")


def test_shrinking_finds_the_strength_that_rates_were_drawn_with():
    rng = np.random.default_rng(0)
    users = np.full(20, 400.0)
    mean = rng.uniform(0.1, 0.5, 300)
    likes = rng.binomial(400, rng.beta(mean * 80, (1 - mean) * 80, (20, 300))).astype(float)
    assert shrink(likes, users)[1] == pytest.approx(80, rel=0.15)
