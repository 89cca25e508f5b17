"""Variants while requests are answered: each user gets the slates of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bandits.slates.config_file import parse_policy_file
from streams.contract.events import Slate
from streams.serving.explain import explain
from tests.streams.serving.world import ITEMS, World, request, shown

FILE = f"""
salt = "s"
[exploration]
floor = 0  # one order: by chance nothing
[variants.control]
kind = "holdback"
share = 0.25
[variants.other]
share = 0.25
draws = 64
exclude = ["{ITEMS[3]}"]
users = ["forced"]
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, parse_policy_file(FILE)).fill()


def user_of(world: World, variant: str) -> str:
    users = (f"u{number}" for number in range(1000))
    return next(u for u in users if world.builder.policy_file.assign(u).variant.name == variant)


def ask(world: World, variant: str, name: str = "r") -> Slate:
    asked = request(name, user=user_of(world, variant), segment="x", k=12)
    world.ask(asked)
    world.turn()
    return world.ask(asked)


def test_a_slate_says_its_variant_and_the_version_of_its_settings(world: World) -> None:
    file = world.builder.policy_file
    for variant in file.variants:
        slate = ask(world, variant.name)
        assert (slate.variant, slate.policy_version) == (variant.name, variant.config.version)
    assert world.ask(request(user="forced")).variant == "other"


def test_a_variant_does_not_show_what_it_excludes_and_says_so(world: World) -> None:
    assert ITEMS[3] in shown(ask(world, "base"))
    assert ITEMS[3] not in shown(ask(world, "other"))
    state, asked = world.builder.state, request()
    assert state is not None
    assert explain(state, world.builder, asked, "base") == (12, [])
    eligible, (barred,) = explain(state, world.builder, asked, "other")
    assert (eligible, barred.reason, barred.some) == (11, "not available", [ITEMS[3]])


def test_the_holdback_shows_one_order_in_every_segment(world: World) -> None:
    """By the mean over all segments: what is clicked in one stands first in all."""
    world.count("y", ITEMS[0], 1000.0, 0.0)
    world.count("y", ITEMS[5], 1000.0, 300.0)
    world.turn(after_s=10.0)
    user = user_of(world, "control")
    slates = [world.ask(request(f"r{s}", user=user, segment=s, k=2)) for s in ("x", "y", "new")]
    assert {tuple(shown(slate)) for slate in slates} == {(ITEMS[0], ITEMS[5])}
    assert all(item.propensity == 1.0 for slate in slates for item in slate.items)
    assert not world.waits(request("r", user=user, segment="y"))  # nothing is prepared for it


def test_a_variant_prepares_the_segments_that_its_users_ask_for(world: World) -> None:
    world.ask(request(user=user_of(world, "other"), segment="x"))
    world.turn()
    state = world.builder.state
    assert state is not None
    assert set(state.variants["other"].prepared) == {"x"}
    assert set(state.prepared) == set()
