"""What holds for every log: hypothesis looks for one where it does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.ope import ESTIMATORS
from bandits.ope.log import Log, Shape, split, validate
from bandits.ope.reward_model import RewardModel
from bandits.ope.sample import sample_of
from bandits.ope.target import Target, fixed
from bandits.ope.terms import Terms, value
from tests.bandits.ope.making import rows

SHAPE = Shape(2, 3, 4)
MARGINAL = ("ips", "snips", "dm", "dr", "sndr", "iips", "sniips")
PREFIX = ("sips", "rips", "snrips", "cascade_dr")


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """A few slates of one to three items, each item and position once."""
    given = {
        name: []
        for name in ("slate", "position", "item", "segment", "propensity", "click", "time_s")
    }
    for slate in range(draw(st.integers(1, 6))):
        segment, items = draw(st.integers(0, 1)), draw(st.permutations(range(4)))
        for position in range(draw(st.integers(1, 3))):
            values = (
                slate,
                position,
                items[position],
                segment,
                draw(st.floats(0.05, 1.0)),
                draw(st.booleans()),
                draw(st.floats(0, 1e9)),
            )
            for column, entry in zip(given.values(), values, strict=True):
                column.append(entry)
    return rows(**given)


def target(seed: int) -> Target:
    return fixed("any", np.random.default_rng(seed).dirichlet(np.ones(4), (2, 3)))


def model(seed: int) -> RewardModel:
    return RewardModel(np.random.default_rng(seed).random(SHAPE), 10)


def terms_of(name: str, log: Log, seed: int) -> Terms:
    how = ESTIMATORS[name]
    sample = sample_of(
        log, target(seed), np.random.default_rng(0), model(seed + 1), conditional=how.conditional
    )
    return how.terms(sample)


@pytest.mark.parametrize("name", ["ips", "snips", "iips", "sniips", "sips", "rips", "snrips"])
@given(log=logs(), seed=st.integers(0, 99))
def test_a_policy_equal_to_the_log_is_worth_what_the_log_earned(name, log, seed):
    """Weights of 1 leave the plain mean (with a model it is equal in expectation only)."""
    table = target(seed).table
    log = log._replace(propensity=table[log.segment, log.position, log.item])
    per = log.item.size if ESTIMATORS[name].per == "row" else np.unique(log.slate).size
    assert value(terms_of(name, log, seed)) == pytest.approx(log.click.sum() / per, abs=1e-9)


@given(log=logs(), seed=st.integers(0, 99))
def test_snips_stays_within_the_rewards(log, seed):
    assert -1e-12 <= value(terms_of("snips", log, seed)) <= 1 + 1e-12


@pytest.mark.parametrize("name", [*MARGINAL, *PREFIX])
@given(log=logs(), seed=st.integers(0, 99))
def test_every_estimate_is_a_finite_number(name, log, seed):
    assert np.isfinite(value(terms_of(name, log, seed)))


@pytest.mark.parametrize("name", ["ips", "iips", "rips", "sips"])
@given(log=logs(), seed=st.integers(0, 99))
def test_reward_of_zero_earns_nothing(name, log, seed):
    assert value(terms_of(name, log._replace(click=np.zeros(log.item.size)), seed)) == 0.0


@given(log=logs(), share=st.floats(0.01, 0.99))
def test_split_loses_no_row_and_cuts_no_slate(log, share):
    validate(log, SHAPE)
    n_slates = np.unique(log.slate).size
    if not 0 < round(share * n_slates) < n_slates:
        return
    train, test = split(log, share)
    assert train.item.size + test.item.size == log.item.size
    assert not set(train.slate) & set(test.slate)
    began_s = [
        [part.time_s[part.slate == slate].min() for slate in set(part.slate)]
        for part in (train, test)
    ]
    assert max(began_s[0]) <= min(began_s[1])
