"""One segment: voices, their weights, and the scale they are brought to."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.policies.mixture import default_policy
from bandits.policies.registry import POLICIES
from bandits.slates.config import ConfigError
from bandits.slates.sampling import draw
from bandits.slates.segment import scorers_of
from bandits.slates.signals import weighted_sum
from tests.bandits.slate_world import make_catalogue, make_counts, make_snapshot


def scorers(text: str, objectives: dict[str, float] | None = None, **more):
    view = make_snapshot(text, **more).view
    return view, scorers_of(view, objectives or dict(view.config.objectives), view.facts)


def test_weights_of_policies_share_the_click_weight():
    """Thompson 3, KL-UCB 1 of click 1, beside freshness 1: 3/8, 1/8 and 1/2."""
    _, found = scorers(
        "[policies.thompson]\nweight = 3\n[policies.kl_ucb]\n[objectives]\nclick = 1\nfreshness = 1"
    )
    assert {v.name: v.weight for v in found} == {"thompson": 0.375, "ucb": 0.125, "freshness": 0.5}


def test_objectives_without_weight_have_no_voice():
    assert [v.name for v in scorers("", {"freshness": 1.0, "click": 0.0})[1]] == ["freshness"]


def test_weights_that_sum_to_zero_are_refused():
    with pytest.raises(ConfigError, match="above 0"):
        scorers("", {"click": 0.0, "value": 0.0})
    with pytest.raises(ConfigError, match=r"objectives\.click.*-1"):
        scorers("", {"click": -1.0})


def test_draws_keep_within_their_bounds_and_fixed_scores_are_their_own():
    view, found = scorers("")
    drawn, fixed = found
    draws = drawn.policy.draws(view.arms, np.random.default_rng(0), 2000)
    assert ((draws >= drawn.low) & (draws <= drawn.high)).all()
    np.testing.assert_array_equal(fixed.low, fixed.fixed)


@pytest.mark.parametrize("name", ["softmax", "random"])
def test_a_score_that_is_no_rate_gets_mean_and_spread_of_the_click_objective(name: str):
    view, found = scorers(f"[policies.{name}]\n[policies.greedy]", n_items=2000)
    scorer = next(v for v in found if v.policy is not None)
    draws = scorer.rescale(scorer.policy.draws(view.arms, np.random.default_rng(0), 50))
    np.testing.assert_allclose([draws.mean(), draws.std()], view.scale, rtol=0.1)


def test_random_alone_is_one_big_tie():
    found = scorers("[policies.random]")[1]
    assert found[0].policy is None
    assert not found[0].fixed.any()


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_has_a_voice_in_a_cold_and_in_a_warm_segment(name: str):
    for more in ({}, {"counts": make_counts(looks=0.0)}, {"segment": None}):
        view, found = scorers(f"[policies.{name}]", **more)
        (scorer,) = found
        value = (
            scorer.fixed
            if scorer.policy is None
            else scorer.policy.draws(view.arms, np.random.default_rng(0), 3)
        )
        assert np.isfinite(value).all()


def test_the_default_file_ranks_by_the_library_s_default_policy():
    view, found = scorers("")
    drawn = draw(view, found, np.arange(30), 50, np.random.default_rng(5)).signals
    expected = default_policy().draws(view.arms, np.random.default_rng(5), 50)
    np.testing.assert_allclose(weighted_sum(drawn), expected, rtol=1e-12)


def test_objectives_are_worked_out_once_but_for_those_of_a_user():
    view, found = scorers("[objectives]\nclick = 1\nfreshness = 1\nrelevance = 1")
    objectives = dict(view.config.objectives)
    users = [make_catalogue().vectors[i] for i in (3, 4)]
    first, second = (scorers_of(view, objectives, view.facts._replace(user=user)) for user in users)
    by_name = [{v.name: v.fixed for v in some} for some in (found, first, second)]
    assert by_name[0]["freshness"] is by_name[1]["freshness"] is by_name[2]["freshness"]
    assert not np.array_equal(by_name[1]["relevance"], by_name[2]["relevance"])
    np.testing.assert_allclose(by_name[0]["relevance"], view.scale.mean)
