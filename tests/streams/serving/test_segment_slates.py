"""Segment slates: one record for each owned segment, when what it is made from has changed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bandits.slates.config import DEFAULT, SlateConfig
from bandits.slates.config_file import parse_policy_file
from bandits.slates.variants import PolicyFile, deal
from streams.contract.partitioner import partition_of
from streams.contract.segment_slates import SegmentSlates, decode_segment_slates
from streams.serving.segment_slates import EVERY_S, ITEMS, SegmentSlatesWriter
from tests.streams.serving import world as world_module
from tests.streams.serving.world import World

PARTITIONS, DRAWS = 4, 16
ALL = frozenset(range(PARTITIONS))


class Sent:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[SegmentSlates] = []

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        slates = decode_segment_slates(value)
        assert (topic, key.decode()) == ("segment-slates", slates.segment)
        self.records.append(slates)

    def take(self) -> list[SegmentSlates]:
        found, self.records = self.records, []
        return found


class Writing:
    """A filled world, and a writer on it."""

    def __init__(
        self,
        tmp_path: Path,
        assigned: frozenset[int] = ALL,
        config: SlateConfig | PolicyFile = DEFAULT,
    ) -> None:
        self.world = World(tmp_path, config).fill()
        self.sent = Sent()
        self.assigned = assigned
        sender: Any = self.sent
        self.writer = SegmentSlatesWriter(
            self.world.builder,
            DRAWS,
            PARTITIONS,
            lambda: self.assigned,
            sender,
            "segment-slates",
            self.world.metrics,
        )

    def write(self, after_s: float = 0.0) -> list[str]:
        self.world.turn(after_s)
        for _ in range(10):
            self.writer.turn(self.world.now_s)
        return sorted(each.segment for each in self.sent.take())


@pytest.fixture
def writing(tmp_path: Path) -> Writing:
    return Writing(tmp_path)


def test_every_segment_with_counts_and_default_has_its_draws(writing: Writing) -> None:
    writing.writer.turn(writing.world.now_s)
    found = {each.segment: each for each in writing.sent.take()}
    assert set(found) == {"x", "default"}
    slates = found["x"]
    assert (slates.policy, slates.policy_version) == (DEFAULT.policy, DEFAULT.version)
    assert len(slates.draws) == DRAWS
    assert {len(draw) for draw in slates.draws} == {ITEMS}
    # the one that is clicked stands first in most
    assert sum(draw[0].item_id == world_module.ITEMS[0] for draw in slates.draws) >= 12


def test_a_propensity_is_the_chance_of_the_item_in_its_place_for_who_takes_a_draw_at_random(
    writing: Writing,
) -> None:
    writing.writer.turn(writing.world.now_s)
    for slates in writing.sent.take():
        shares = Counter((item.item_id, item.position) for draw in slates.draws for item in draw)
        for draw in slates.draws:
            for item in draw:
                assert item.propensity == shares[item.item_id, item.position] / DRAWS


def test_what_did_not_change_is_not_written_again_and_what_did_not_too_often(
    writing: Writing,
) -> None:
    assert writing.write() == ["default", "x"]
    assert writing.write(after_s=100.0) == []
    writing.world.count("y", world_module.ITEMS[1], 10.0)
    assert writing.write(after_s=100.0) == ["y"]
    writing.world.count("y", world_module.ITEMS[1], 11.0)
    assert writing.write(after_s=EVERY_S / 2) == []
    assert writing.write(after_s=EVERY_S) == ["y"]


def test_a_new_item_renews_them_all(writing: Writing) -> None:
    writing.write()
    writing.world.describe("new")
    assert writing.write(after_s=100.0) == ["default", "x"]


def test_each_segment_is_written_by_one_process_and_by_the_next_owner_after_a_rebalance(
    tmp_path: Path,
) -> None:
    mine = frozenset({partition_of("x", PARTITIONS)})
    one, other = Writing(tmp_path / "one", mine), Writing(tmp_path / "other", ALL - mine)
    first, second = one.write(), other.write()
    assert sorted(first + second) == ["default", "x"]
    assert "x" in first
    one.assigned, other.assigned = frozenset(), ALL
    assert one.write(after_s=100.0) == []
    assert other.write(after_s=100.0) == ["x"] + [each for each in first if each != "x"]


def test_hidden_items_are_in_no_draw(writing: Writing) -> None:
    writing.world.describe(world_module.ITEMS[0], available=False)
    writing.world.turn()
    writing.writer.turn(writing.world.now_s)
    for slates in writing.sent.take():
        assert all(item.item_id != world_module.ITEMS[0] for draw in slates.draws for item in draw)


def test_variants_have_draws_of_their_own_and_a_consumer_deals_users_as_a_process_does(
    tmp_path: Path,
) -> None:
    first = world_module.ITEMS[0]
    file = parse_policy_file(
        'salt = "s"\n[variants.control]\nkind = "holdback"\nshare = 0.2\n'
        f'[variants.other]\nshare = 0.3\nexclude = ["{first}"]\ndraws = 64'
    )
    writing = Writing(tmp_path, config=file)
    writing.writer.turn(writing.world.now_s)
    slates = next(each for each in writing.sent.take() if each.segment == "x")
    assert list(slates.variants) == ["control", "other"]
    other, control = slates.variants["other"], slates.variants["control"]
    assert other.policy_version == file.variants[2].config.version
    assert all(item.item_id != first for draw in other.draws for item in draw)
    assert {draw[0].item_id for draw in control.draws} == {first}
    shares = [(name, each.share) for name, each in slates.variants.items()]
    for user in map(str, range(100)):
        assert (deal(slates.salt, user, shares) or "base") == file.assign(user).variant.name
