"""One table of the policy file: readers check, `finish` refuses the rest."""

from __future__ import annotations

import pytest

from bandits.slates.config_table import ConfigError, Table


def test_finish_lists_the_keys_that_readers_asked_for():
    table = Table("top", {"a": 1, "c": 2})
    assert table.number("a", 0.0) == 1.0
    assert table.number("b", 5.0) == 5.0
    with pytest.raises(ConfigError, match=r"top\.c.*valid keys here: a, b"):
        table.finish()


def test_a_boolean_is_not_a_number():
    with pytest.raises(ConfigError, match="found True"):
        Table("", {"a": True}).number("a", 0.0)
    with pytest.raises(ConfigError, match="found True"):
        Table("", {"a": True}).integer("a", 0, low=0, high=2)


def test_an_open_bound_is_outside_and_a_closed_one_inside():
    assert Table("", {"a": 0}).number("a", 1.0, low=0.0) == 0.0
    with pytest.raises(ConfigError, match="above 0"):
        Table("", {"a": 0}).number("a", 1.0, low=0.0, open_low=True)


def test_rest_leaves_out_what_was_read():
    table = Table("", {"weight": 1, "c": 0.5})
    table.number("weight", 1.0)
    assert table.rest() == {"c": 0.5}


def test_a_switch_of_a_policy_is_a_number():
    assert Table("", {"scaled": False}).rest() == {"scaled": 0.0}
