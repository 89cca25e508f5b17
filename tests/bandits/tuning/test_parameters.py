import doctest
from dataclasses import replace

import numpy as np
import pytest

import bandits.tuning.parameters
from bandits.ope.target import fixed
from bandits.slates.config import DEFAULT, PolicyChoice
from bandits.slates.config_file import parse_config
from bandits.slates.policy_file import dump_config
from bandits.tuning.parameters import PARAMETERS, SearchError, turned, variety


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_leaves_the_file_valid_from_end_to_end(name):
    before = dump_config(DEFAULT)
    for setting in np.linspace(PARAMETERS[name].low, PARAMETERS[name].high, 5):
        config = turned(DEFAULT, {name: setting})
        assert parse_config(dump_config(config)) == config
    assert dump_config(DEFAULT) == before


def test_objective_weights_sum_to_one_and_none_is_left_at_zero():
    config = turned(DEFAULT, {"click": 0.3, "conversion": 0.9, "freshness": 0.0})
    assert config.objectives == (("click", 0.25), ("conversion", 0.75))
    assert turned(DEFAULT, {"click": 0.0}).objectives == (("click", 1.0),)


def test_no_parameter_turned_is_the_file_as_it_is():
    assert turned(DEFAULT, {}) == DEFAULT


def test_exploration_goes_from_greedy_to_the_mix_of_the_file():
    """thompson 3 and kl_ucb 1 are 3/4 and 1/4; at 0.4 they keep 0.3 and 0.1 and greedy gets 0.6."""
    base = replace(DEFAULT, policies=(PolicyChoice("thompson", 3.0), PolicyChoice("kl_ucb", 1.0)))
    weights = [
        {p.name: p.weight for p in turned(base, {"exploration": e}).policies}
        for e in (0.0, 0.4, 1.0)
    ]
    assert weights == [
        {"greedy": 1.0},
        {"thompson": 0.3, "kl_ucb": 0.1, "greedy": 0.6},
        {"thompson": 0.75, "kl_ucb": 0.25},
    ]


def test_a_greedy_file_has_nothing_to_explore_with():
    base = replace(DEFAULT, policies=(PolicyChoice("greedy"),))
    assert [p.name for p in turned(base, {"exploration": 1.0}).policies] == ["greedy"]


def test_variety_is_the_effective_share_of_the_catalogue():
    """Half of the traffic sees item 0, half sees item 1, of four items: exp(ln 2) / 4."""
    target = fixed("two", np.array([[[1.0, 0, 0, 0]], [[0, 1.0, 0, 0]]]))
    assert variety(target, np.array([[0.5], [0.5]])) == pytest.approx(0.5)
    assert variety(target, np.array([[1.0], [0.0]])) == pytest.approx(0.25)


def test_unknown_parameters_list_the_choices():
    with pytest.raises(
        SearchError, match=r"parameters out of click, conversion, .*, found 'volume'"
    ):
        turned(DEFAULT, {"volume": 1.0})


def test_examples_in_the_docstrings_run():
    assert doctest.testmod(bandits.tuning.parameters).failed == 0
