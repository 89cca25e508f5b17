"""Variants of a policy file: what they override, and whose they are."""

import doctest
from collections import Counter
from dataclasses import replace

import pytest

import bandits.slates.variants
from bandits.slates.config import DEFAULT, ConfigError
from bandits.slates.config_file import load_policy_file, parse_config, parse_policy_file
from bandits.slates.variants import BASE, hash_point

FILE = """
salt = "autumn"
combiner = "rrf"
exclude = ["a"]

[objectives]
click = 1
value = 1

[exposure]
max_per_category = 2
min_share = 0.1

[exploration]
floor = 0.1
proven_clicks = 5

[variants.control]
kind = "holdback"
share = 0.1

[variants.brave]
share = 0.3
draws = 64
users = ["anna", "bert"]

[variants.brave.exploration]
min_slots = 1

[variants.brave.objectives]
relevance = 1
"""


def test_a_variant_overrides_what_it_says_and_nothing_else():
    """Tables are merged key by key, but for the mixes: a mix is one choice."""
    base, _control, brave = parse_policy_file(FILE).variants
    assert (base.name, base.share) == (BASE, pytest.approx(0.6))
    assert base.config == parse_config(FILE)
    assert (brave.config.draws, base.config.draws) == (64, DEFAULT.draws)
    assert (brave.config.exploration.floor, brave.config.exploration.min_slots) == (0.1, 1)
    assert brave.config.objectives == (("relevance", 1.0),)
    assert brave.config.combiner == "rrf"
    assert brave.config.version != base.config.version
    shares = FILE.replace("share = 0.3", "share = 0.5")
    assert parse_policy_file(shares).variants[2].config.version == brave.config.version


def test_a_holdback_is_simple_and_keeps_the_rules_of_the_house():
    control = parse_policy_file(FILE).variants[1]
    assert control.holdback
    config = control.config
    assert (config.policy, config.objectives) == ("greedy", DEFAULT.objectives)
    assert config.exploration == replace(DEFAULT.exploration, floor=0.1)
    assert (config.exclude, config.exposure.max_per_category) == (("a",), 2)
    assert config.exposure.min_share == 0.0
    random = FILE.replace('kind = "holdback"', 'kind = "holdback"\npolicy = "random"')
    assert parse_policy_file(random).variants[1].config.policy == "random"
    assert parse_policy_file(FILE).control == "control"
    assert parse_policy_file("[variants.b]\nshare = 0.5").control == BASE


def test_users_get_their_variants_by_shares_and_stay():
    """10,000 users: each share is met within 4 standard deviations, 4 sqrt(s (1 - s) / n)."""
    file = parse_policy_file(FILE)
    users = [f"user-{number}" for number in range(10_000)]
    found = Counter(file.assign(user).variant.name for user in users)
    for name, share in file.shares.items():
        assert found[name] / 10_000 == pytest.approx(share, abs=0.02)
    # a smaller share of the last variant takes users from it, and from no other
    less = parse_policy_file(FILE.replace("share = 0.3", "share = 0.2"))
    for user in users:
        before, now = file.assign(user).variant.name, less.assign(user).variant.name
        assert before == now or (before, now) == ("brave", BASE)
    other = parse_policy_file(FILE.replace("autumn", "winter"))
    assert sum(file.assign(u).variant.name == other.assign(u).variant.name for u in users) < 6000


def test_the_hash_is_the_one_that_the_page_describes():
    """SHA-256 of "autumn/anna" begins with 0609b5cdf8ba60cb: 0x0609b5cdf8ba60cb / 2^64."""
    assert hash_point("autumn", "anna") == pytest.approx(0.023585536015161508, abs=1e-15)


def test_users_who_are_named_have_their_variant_and_are_nobodys_chance():
    file = parse_policy_file(FILE)
    for user in ("anna", "bert"):
        assigned = file.assign(user)
        assert (assigned.variant.name, assigned.forced) == ("brave", True)
    assert not file.assign("carl").forced


def test_a_file_without_variants_is_all_base():
    file = load_policy_file(None)
    assert file.shares == {BASE: 1.0}
    assert file.assign("anna").variant.config is DEFAULT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[variants.base]\nshare = 0.1", ["base", "share that is left"]),
        ('[variants."a b"]\nshare = 0.1', ["a b", "letters"]),
        ("[variants.b]\nshare = 1.5", ["variants.b.share", "at most 1"]),
        ("[variants.b]\nshare = 0.6\n[variants.c]\nshare = 0.6", ["sum to at most 1", "1.2"]),
        ('[variants.b]\nkind = "control"', ["variants.b.kind", "holdback"]),
        ('[variants.b]\npolicy = "greedy"', ["variants.b.policy"]),
        ('[variants.b]\nkind = "holdback"\npolicy = "thompson"', ["policy", "greedy, random"]),
        ("[variants.b]\ndraws = 1", ["variants.b.draws", "16"]),
        ("[variants.b]\ndraw = 64", ["variants.b.draw", "draws"]),
        ("[variants.b.exploration]\nfloor = 2", ["variants.b.exploration.floor"]),
        ("[variants.b]\nhalf_life_s = 60", ["variants.b", "half_life_s", "counted once"]),
        ("[variants.b]\nexamination = [1.0]", ["variants.b", "examination"]),
        (
            '[variants.b]\nkind = "holdback"\n[variants.c]\nkind = "holdback"',
            ["one variant of kind holdback"],
        ),
        ('[variants.b]\nusers = ["u"]\n[variants.c]\nusers = ["u"]', ["named once", "u"]),
        ("\n".join(f"[variants.v{n}]" for n in range(21)), ["at most 20"]),
        ("salt = 1", ["salt", "a string"]),
        ("variants = 1", ["variants", "a table"]),
    ],
)
def test_a_mistake_is_named(text: str, words: list[str]):
    with pytest.raises(ConfigError) as error:
        parse_policy_file(text)
    for word in words:
        assert word in str(error.value)


def test_examples_in_the_docstrings_run():
    assert doctest.testmod(bandits.slates.variants).failed == 0
    assert doctest.testmod(bandits.slates.config_file).failed == 0
