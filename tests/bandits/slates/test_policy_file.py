import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bandits.slates.policy_file
from bandits.learning.priors import PriorConfig
from bandits.slates.config import (
    COMBINER_NAMES,
    DEFAULT,
    DIVERSITY_NAMES,
    OBJECTIVE_NAMES,
    Diversity,
    Exploration,
    Exposure,
    PolicyChoice,
    SlateConfig,
)
from bandits.slates.config_file import parse_config
from bandits.slates.policy_file import dump_config

weights = st.floats(1e-3, 1e3)
shares = st.floats(0.01, 1.0)
configs = st.builds(
    SlateConfig,
    policies=st.sampled_from(
        [
            (PolicyChoice("thompson", 0.3, (("sharpness", 2.0),)), PolicyChoice("kl_ucb", 1e-9)),
            (PolicyChoice("greedy", 12.5),),
            (
                PolicyChoice("epsilon_greedy", 1.0, (("epsilon", 0.125),)),
                PolicyChoice("random", 3.0),
            ),
        ]
    ),
    combiner=st.sampled_from(COMBINER_NAMES),
    objectives=st.lists(
        st.tuples(st.sampled_from(OBJECTIVE_NAMES), weights),
        min_size=1,
        max_size=4,
        unique_by=lambda pair: pair[0],
    ).map(lambda pairs: tuple(sorted(pairs, key=lambda pair: OBJECTIVE_NAMES.index(pair[0])))),
    half_life_s=st.none() | weights,
    priors=st.builds(
        PriorConfig,
        segment_clicks=st.none() | weights,
        item_clicks=st.none() | weights,
        base_rate=st.floats(0.001, 0.9),
    ),
    examination=st.none() | st.lists(shares, min_size=1, max_size=5).map(tuple),
    freshness_half_life_s=weights,
    diversity=st.builds(Diversity, st.sampled_from(DIVERSITY_NAMES), weights, st.floats(1.0, 10.0)),
    exposure=st.builds(Exposure, st.none() | st.integers(1, 9), shares, shares, st.integers(1, 9)),
    exploration=st.builds(Exploration, st.none() | st.integers(5, 9), st.integers(0, 5), weights),
    exclude=st.lists(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=8), max_size=3
    ).map(tuple),
    draws=st.integers(16, 4096),
)


@given(configs)
def test_what_is_written_is_read_back(config):
    assert parse_config(dump_config(config)) == config
    assert parse_config(dump_config(config, "a comment\nof two lines")).version == config.version


def test_the_comment_stands_on_top():
    assert dump_config(DEFAULT, "chosen\nby hand").startswith("# chosen\n# by hand\ncombiner = ")


def test_every_table_and_key_of_the_settings_is_written():
    """A setting that is added to the policy file must be added to the writer, or a point would lose
    it.
    """
    text = dump_config(DEFAULT)
    parts = (DEFAULT, DEFAULT.priors, DEFAULT.diversity, DEFAULT.exposure, DEFAULT.exploration)
    names = {name for part in parts for name in part.__dataclass_fields__}
    for name in names - {"policies"}:
        assert f"{name} = " in text or f"[{name}]" in text, name


@pytest.mark.parametrize(
    "exclude", ['quote " and \\ back', "line\nbreak", "tab\t", "é 映画", "\x7f"]
)
def test_awkward_ids_survive(exclude):
    from dataclasses import replace

    assert parse_config(dump_config(replace(DEFAULT, exclude=(exclude,)))).exclude == (exclude,)


def test_examples_in_the_docstrings_run():
    assert doctest.testmod(bandits.slates.policy_file).failed == 0
