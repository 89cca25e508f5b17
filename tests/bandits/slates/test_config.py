"""The policy file: what it reads, what it refuses, and that its page names every key."""

from __future__ import annotations

import inspect
import pathlib
import tomllib
from dataclasses import fields

import pytest

from bandits.learning.priors import PriorConfig
from bandits.policies.registry import POLICIES
from bandits.slates.combine import COMBINERS
from bandits.slates.config import (
    COMBINER_NAMES,
    DEFAULT,
    DIVERSITY_NAMES,
    OBJECTIVE_NAMES,
    ConfigError,
    Diversity,
    Exploration,
    Exposure,
    Repeats,
    SlateConfig,
    Users,
    normalised,
)
from bandits.slates.config_file import load_config, parse_config
from bandits.slates.diversity import DIVERSITY
from bandits.slates.objectives import OBJECTIVES

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "policy-file.md"


def test_an_empty_file_is_the_default():
    assert parse_config("") == DEFAULT
    assert load_config(None) is DEFAULT


def test_every_kind_of_key_is_read():
    config = parse_config(
        """
        combiner = "team_draft"
        half_life_s = 86400
        examination = [1, 0.5]
        exclude = ["a"]
        draws = 64
        [policies.thompson]
        weight = 3
        sharpness = 2.0
        [policies.kl_ucb]
        [objectives]
        relevance = 0.5
        click = 1
        [priors]
        item_clicks = "learn"
        base_rate = 0.02
        [diversity]
        kind = "dpp"
        [exposure]
        max_per_category = 2
        [exploration]
        max_slots = 0
        """
    )
    assert config.policy == "team_draft(thompson+kl_ucb)"
    assert config.policies[0].options == (("sharpness", 2.0),)
    assert config.policies[0].weight == 3.0
    assert config.objectives == (("click", 1.0), ("relevance", 0.5))
    assert config.half_life_s == 86400.0
    assert config.examination == (1.0, 0.5)
    assert config.priors.item_clicks is None
    assert config.priors.base_rate == 0.02
    assert (
        config.diversity.kind,
        config.exposure.max_per_category,
        config.exploration.max_slots,
    ) == ("dpp", 2, 0)
    assert config.exclude == ("a",)
    assert config.draws == 64


def test_off_switches_a_limit_off():
    assert (
        parse_config('half_life_s = "off"\n[exposure]\nmax_per_category = "off"').half_life_s
        is None
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = ", ["TOML"]),
        ('combine = "rrf"', ["combine", "valid keys", "combiner"]),
        ('combiner = "best"', ["combiner", "weighted", "team_draft", "best"]),
        ("[policies.thomson]", ["thomson", "thompson", "kl_ucb"]),
        ("[policies.thompson]\nsharpnes = 1", ["policies.thompson", "sharpnes"]),
        ("[policies.thompson]\nsharpness = -1", ["policies.thompson", "above 0", "-1"]),
        ('[policies.thompson]\nsharpness = "a"', ["policies.thompson.sharpness", "number"]),
        ("policies = 3", ["policies", "table"]),
        ("[policies.thompson]\nweight = 0", ["policies", "above 0"]),
        ("[policies.thompson]\nweight = -1", ["policies.thompson.weight", "-1"]),
        ("[objectives]\nclick = 0\nrelevance = 0", ["objectives", "above 0", "click"]),
        ("[objectives]\nclicks = 1", ["objectives.clicks", "click, conversion"]),
        ("[objectives]\nclick = nan", ["objectives.click", "nan"]),
        ("half_life_s = 0", ["half_life_s", "above 0", "off"]),
        ("examination = []", ["examination", "learn", "list"]),
        ("examination = [1, 0]", ["examination", "above 0"]),
        ("examination = [1.5]", ["examination", "at most 1"]),
        ("[priors]\nitem_click = 1", ["priors.item_click", "item_clicks"]),
        ("[priors]\nbase_rate = 1.5", ["priors.base_rate", "1.5"]),
        ("[priors]\nbase_rate = true", ["priors.base_rate", "True"]),
        ('[diversity]\nkind = "all"', ["diversity.kind", "mmr", "dpp"]),
        ("[diversity]\nstrength = -1", ["diversity.strength", "at least 0"]),
        ("[exposure]\nmax_per_category = 1.5", ["exposure.max_per_category", "whole"]),
        ("[exposure]\nmin_share = 2", ["exposure.min_share", "at most 1"]),
        ("[exploration]\nmax_slots = 1\nmin_slots = 2", ["min_slots", "max_slots"]),
        ("exclude = [1]", ["exclude", "strings"]),
        ("draws = 1", ["draws", "16"]),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_choices(text: str, words: list[str]):
    with pytest.raises(ConfigError) as error:
        parse_config(text)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: pathlib.Path):
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        load_config(tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "latin.toml")


def test_version_follows_content_and_nothing_else():
    assert parse_config("# a comment").version == DEFAULT.version
    assert parse_config("draws = 64").version != DEFAULT.version
    assert len(DEFAULT.version) == 12


def test_weights_are_normalised_and_zeros_left_out():
    assert normalised({"a": 1.0, "b": 0.0, "c": 3.0}, "w") == {"a": 0.25, "c": 0.75}


def test_names_of_the_file_are_those_of_the_registries():
    assert set(COMBINER_NAMES) == set(COMBINERS)
    assert set(OBJECTIVE_NAMES) == set(OBJECTIVES)
    assert set(DIVERSITY_NAMES) == {"none", *DIVERSITY}


def test_the_page_names_every_key_and_every_choice():
    page = PAGE.read_text(encoding="utf-8")
    keys = [
        entry.name
        for kind in (SlateConfig, PriorConfig, Diversity, Exposure, Exploration, Users, Repeats)
        for entry in fields(kind)
    ]
    options = [
        option for factory in POLICIES.values() for option in inspect.signature(factory).parameters
    ]
    for word in [*keys, *options, *POLICIES, *COMBINERS, *OBJECTIVES, *DIVERSITY_NAMES]:
        assert f"`{word}`" in page, f"docs/policy-file.md does not name `{word}`"


def test_the_examples_of_the_page_are_valid_and_its_full_example_is_the_default():
    blocks = [
        part.split("```")[0] for part in PAGE.read_text(encoding="utf-8").split("```toml\n")[1:]
    ]
    assert len(blocks) >= 2
    for block in blocks:
        assert tomllib.loads(block)
        parse_config(block)
    assert parse_config(blocks[0]) == DEFAULT


def test_a_byte_order_mark_in_front_of_a_policy_file_is_taken_off(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xef\xbb\xbf[policies.thompson]\n")
    assert load_config(path).policy == "thompson"
