"""One suite over every policy of the registry: pure, seeded, and the same in one batch
as in many.
"""

import numpy as np
import pytest

from bandits.arms import Need
from bandits.policies.registry import POLICIES, make_policy
from tests.bandits.arms_sample import arms_of, random_arms

NAMES = sorted(POLICIES)


@pytest.fixture(params=NAMES)
def policy(request):
    return make_policy(request.param)


def test_the_registry_holds_the_policies_of_the_design():
    assert set(POLICIES) == {
        "greedy",
        "epsilon_greedy",
        "random",
        "softmax",
        "ucb1",
        "kl_ucb",
        "bayes_ucb",
        "thompson",
        "thompson_gaussian",
        "lin_ucb",
        "lin_thompson",
    }


def test_a_policy_is_named_as_in_the_registry(policy):
    assert policy.name in POLICIES


def test_inputs_are_unchanged(policy):
    arms = random_arms(1)
    before = [np.copy(field) for field in arms]
    policy.score(arms, np.random.default_rng(0))
    policy.draws(arms, np.random.default_rng(0), 5)
    assert all(np.array_equal(a, b) for a, b in zip(before, arms, strict=True))


def test_the_same_seed_gives_the_same_answer(policy):
    arms = random_arms(2)
    a, b = (policy.draws(arms, np.random.default_rng(7), 4) for _ in range(2))
    assert np.array_equal(a, b)


def test_one_batch_equals_many_small_ones(policy):
    arms = random_arms(3)
    one = policy.draws(arms, np.random.default_rng(11), 6)
    rng = np.random.default_rng(11)
    many = np.stack([policy.score(arms, rng) for _ in range(6)])
    assert one == pytest.approx(many, rel=1e-12, abs=1e-12)


def test_scores_are_finite_with_one_per_item(policy):
    for arms in (
        random_arms(4),
        arms_of([0, 0, 5], [0, 0, 5], vectors=np.eye(3)),
        arms_of([1e7, 3], [1e6, 3], vectors=np.eye(2)),
    ):
        scores = policy.draws(arms, np.random.default_rng(0), 3)
        assert scores.shape == (3, arms.prior_mean.size)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()


def test_deterministic_policies_use_no_randomness_and_the_others_do(policy):
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    policy.score(random_arms(5), rng)
    assert (rng.bit_generator.state == state) == (policy.needs is Need.DETERMINISTIC)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "random"])
def test_with_much_evidence_the_better_arm_scores_higher(name):
    """9,000 against 1,000 clicks of 100,000 looks: no policy that learns may err in 50 draws."""
    policy = make_policy(name, **({"epsilon": 0.0} if name == "epsilon_greedy" else {}))
    arms = arms_of([1e5, 1e5], [1e3, 9e3], vectors=np.eye(2))
    scores = policy.draws(arms, np.random.default_rng(0), 50)
    wins = (scores[:, 1] > scores[:, 0]).mean()
    assert wins > 0.95 if name == "softmax" else wins == 1.0


def test_an_unknown_policy_is_refused_with_the_valid_names():
    with pytest.raises(
        ValueError, match=r"policy must be one of bayes_ucb, .*thompson.*; found 'tomson'"
    ):
        make_policy("tomson")


def test_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match=r"policy thompson: options \['sharp'\]"):
        make_policy("thompson", sharp=1.0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("epsilon_greedy", {"epsilon": 1.5}),
        ("softmax", {"tau": 0.0}),
        ("ucb1", {"c": -1.0}),
        ("bayes_ucb", {"c": -1.0}),
        ("thompson", {"sharpness": 0.0}),
        ("thompson_gaussian", {"cv": -1.0}),
        ("lin_ucb", {"spread": 0.0}),
        ("lin_thompson", {"residual": -0.1}),
    ],
)
def test_an_option_out_of_range_is_refused(name, options):
    with pytest.raises(ValueError, match=rf"{name}.*found"):
        make_policy(name, **options)
