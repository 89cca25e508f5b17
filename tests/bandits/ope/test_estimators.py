"""The suite that every estimator joins by being in `ESTIMATORS`."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import bandits.ope
from bandits.ope import ESTIMATORS
from bandits.ope.log import take
from bandits.ope.sample import sample_of
from bandits.ope.terms import EstimatorError, Sample, influence, value
from tests.bandits.ope.making import (
    all_slates,
    marginal_at_second,
    paper_log,
    paper_model,
    paper_target,
)

UNBIASED_UNDER_CASCADE = ("rips", "sips", "cascade_dr")


def make(name: str, model: bool = True) -> Sample:
    how = ESTIMATORS[name]
    sample = sample_of(
        paper_log(),
        paper_target(),
        np.random.default_rng(0),
        paper_model() if model else None,
        conditional=how.conditional,
    )
    return (
        sample._replace(matched=np.array([1.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
        if how.weighs == "matches"
        else sample
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_inputs_are_left_unchanged(name):
    sample = make(name)
    before = [None if column is None else column.copy() for column in sample]
    ESTIMATORS[name].terms(sample)
    for old, new in zip(before, sample, strict=True):
        assert (old is None and new is None) or np.array_equal(old, new)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_one_log_equals_its_slates_added_up(name):
    """Terms are sums over slates: those of slates 0 and 1 and those of slate 2, stacked, are those
    of all three.
    """
    sample = make(name)
    whole = ESTIMATORS[name].terms(sample)
    parts = []
    for chosen in (sample.slate < 2, sample.slate == 2):
        part = Sample(*(None if column is None else column[chosen] for column in sample))
        parts.append(ESTIMATORS[name].terms(part._replace(slate=part.slate - part.slate.min())))
    for index in range(2):
        np.testing.assert_allclose(
            np.vstack([part[index] for part in parts]), whole[index], atol=1e-15
        )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_order_of_the_rows_does_not_matter(name):
    how = ESTIMATORS[name]
    if how.weighs == "matches":
        sample = make(name)
        turned = Sample(*(None if column is None else column[::-1] for column in sample))
        assert value(how.terms(turned)) == pytest.approx(value(how.terms(sample)), abs=1e-15)
        return
    shuffled = take(paper_log(), np.array([3, 0, 5, 2, 4, 1]))
    sample = sample_of(
        shuffled,
        paper_target(),
        np.random.default_rng(0),
        paper_model(),
        conditional=how.conditional,
    )
    assert value(how.terms(sample)) == pytest.approx(value(how.terms(make(name))), abs=1e-14)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_influences_sum_to_zero_and_follow_the_value(name):
    """Adding a small share h of slate 0 to the log moves V by h times its influence over m, to
    first order.
    """
    terms = ESTIMATORS[name].terms(make(name))
    assert influence(terms).sum() == pytest.approx(0.0, abs=1e-12)
    h, n_slates = 1e-6, terms.numerator.shape[0]
    more = np.ones((n_slates, 1))
    more[0] += h
    moved = value(type(terms)(terms.numerator * more, terms.denominator * more)) - value(terms)
    assert moved == pytest.approx(h * influence(terms)[0] / n_slates, abs=1e-11)


@pytest.mark.parametrize("name", ["dm", "dr", "sndr", "cascade_dr"])
def test_without_a_model_it_says_how_to_get_one(name):
    with pytest.raises(EstimatorError, match="fit a reward model on the training part"):
        ESTIMATORS[name].terms(make(name, model=False))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", UNBIASED_UNDER_CASCADE)
def test_expectation_over_all_slates_is_the_truth_when_clicks_depend_on_what_stands_above(
    name, seed
):
    """All 12 slates of two out of four, each with its probability: the mean is the target's value,
    whatever the model says.
    """
    from bandits.ope.reward_model import RewardModel
    from bandits.ope.target import Target

    rng = np.random.default_rng(seed)
    logged, wanted = rng.uniform(0.5, 3.0, (2, 4))
    reward = rng.random((4, 4, 2))
    reward[:, :, 0] = reward[:, :1, 0]  # the top position knows nothing of what is below
    if name == "sips":
        reward[:, :, 0] = rng.random((4, 4))  # standard IPS does not mind even that
    world = all_slates(logged, wanted, reward)
    table = np.stack([wanted / wanted.sum(), marginal_at_second(wanted)])[None]
    target = Target("wanted", table, "sequential", wanted[None])
    model = RewardModel(rng.random((1, 2, 4)), rewarded=100)
    sample = sample_of(world.log, target, rng, model, "value", conditional=True)
    terms = ESTIMATORS[name].terms(sample)
    assert world.probability.sum() == pytest.approx(1.0)
    assert (world.probability * terms.numerator[:, 0]).sum() == pytest.approx(
        world.truth, abs=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["iips", "ips", "dr"])
def test_expectation_over_all_slates_is_the_truth_when_positions_are_independent(name, seed):
    """As above, with marginal propensities and rewards of item and place alone; per row estimators
    see half the slate's.
    """
    from bandits.ope.reward_model import RewardModel
    from bandits.ope.target import fixed

    rng = np.random.default_rng(seed)
    logged, wanted = rng.uniform(0.5, 3.0, (2, 4))
    at_top, below = rng.random((2, 4))
    reward = np.stack(
        [np.repeat(at_top[:, None], 4, axis=1), np.repeat(below[None], 4, axis=0)], axis=2
    )
    world = all_slates(logged, wanted, reward)
    marginal = np.stack([logged / logged.sum(), marginal_at_second(logged)])
    log = world.log._replace(propensity=marginal[world.log.position, world.log.item])
    target = fixed("wanted", np.stack([wanted / wanted.sum(), marginal_at_second(wanted)])[None])
    sample = sample_of(log, target, rng, RewardModel(rng.random((1, 2, 4)), 100), "value")
    terms = ESTIMATORS[name].terms(sample)
    mean = (world.probability[:, None] * terms.numerator).sum() / (
        world.probability[:, None] * terms.denominator
    ).sum()
    assert mean == pytest.approx(world.truth / (1 if name == "iips" else 2), abs=1e-12)


def test_examples_in_the_docstrings_run():
    for module in pkgutil.iter_modules(bandits.ope.__path__):
        loaded = importlib.import_module(f"bandits.ope.{module.name}")
        assert doctest.testmod(loaded).failed == 0, module.name
