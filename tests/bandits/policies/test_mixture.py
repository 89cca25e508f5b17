"""A blend is the weighted average of its parts, and behaves like a policy."""

import numpy as np
import pytest

from bandits.arms import Need
from bandits.policies.mixture import blend, default_policy
from bandits.policies.registry import make_policy
from tests.bandits.arms_sample import random_arms


def test_the_score_is_the_weighted_average():
    arms = random_arms(1)
    parts = [(make_policy("thompson"), 3.0), (make_policy("kl_ucb"), 1.0)]
    draw = parts[0][0].score(arms, np.random.default_rng(5))
    index = parts[1][0].score(arms, np.random.default_rng(0))
    assert blend(parts).score(arms, np.random.default_rng(5)) == pytest.approx(
        0.75 * draw + 0.25 * index
    )


@pytest.mark.parametrize(
    "names",
    [("thompson", "kl_ucb"), ("thompson", "softmax", "greedy"), ("epsilon_greedy", "thompson")],
)
def test_one_batch_equals_many_small_ones(names):
    arms = random_arms(2)
    policy = blend([(make_policy(name), 1.0) for name in names])
    one = policy.draws(arms, np.random.default_rng(3), 5)
    rng = np.random.default_rng(3)
    assert one == pytest.approx(np.stack([policy.score(arms, rng) for _ in range(5)]))


def test_the_blend_needs_what_its_parts_need():
    assert default_policy().needs is Need.INDEPENDENT_DRAW
    assert default_policy().name == "thompson+kl_ucb"
    assert (
        blend([(make_policy("greedy"), 1.0), (make_policy("ucb1"), 1.0)]).needs
        is Need.DETERMINISTIC
    )
    assert (
        blend([(make_policy("thompson"), 1.0), (make_policy("epsilon_greedy"), 1.0)]).needs
        is Need.JOINT_DRAW
    )


@pytest.mark.parametrize("parts", [[], [(make_policy("greedy"), 0.0)]])
def test_weights_must_be_above_zero(parts):
    with pytest.raises(ValueError, match="weights above 0"):
        blend(parts)
