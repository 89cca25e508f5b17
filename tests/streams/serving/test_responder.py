"""The responder: one slate for each request, in their order, noted in the slate log, and only of
items that may be shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bandits.slates.config import DEFAULT
from streams.contract.count_rows import CountRow, encode_count, encode_count_key
from streams.contract.events import Slate, SlateRequest, decode_slate, encode
from streams.counting.chunk import Chunk
from streams.counting.partition import Partition
from streams.metrics import Metrics
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import CountsView, Index
from streams.serving.embeddings import EmbeddingsView
from streams.serving.responder import Responder
from streams.serving.served_state import ServedStates
from streams.serving.user_profiles import UserProfiles
from streams.worker.answering import Answering
from tests.streams.making import NOW_S, RULES, START_S, chunk_of, partition_on

ITEMS = [f"item-{number}" for number in range(12)]
SEGMENTED = RULES._replace(segment_fields=("age",))


class Sent:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, Slate]] = []

    def send(self, topic: str, key: bytes | None, value: bytes) -> None:
        self.records.append((topic, key, decode_slate(value)))

    def wait(self) -> None:
        """All is delivered."""


class World:
    """A responder over twelve items; the first is clicked half of the time in segment x, the others
    never.
    """

    def __init__(self, tmp_path: Path) -> None:
        items = Index()
        self.counts = CountsView(items)
        self.catalogue = CatalogueView(items)
        vectors = EmbeddingsView(self.catalogue, "encoder-releases", tmp_path, lambda _state: None)
        for item in ITEMS:
            self.describe(item)
            row = CountRow()
            row.impressions = row.examined = 1000.0
            row.clicks = row.value = 500.0 if item == ITEMS[0] else 0.0
            self.counts.put(0, encode_count_key("x", item), encode_count(row, discounted=False))
        rng = np.random.default_rng(3)
        self.snapshots = ServedStates(DEFAULT, self.counts, self.catalogue, vectors, rng)
        self.sent = Sent()
        self.metrics = Metrics()
        replies: Any = self.sent
        self.responder = Responder(
            DEFAULT,
            self.counts,
            self.catalogue,
            self.snapshots,
            UserProfiles(),
            rng,
        )
        self.answering = Answering(self.responder, replies, "slates", self.metrics)

    def describe(self, item: str, **fields: Any) -> None:
        self.catalogue.put(item, msgspec.json.encode({"item_id": item, **fields}), 1.0)

    def ask(self, *requests: SlateRequest) -> list[Slate]:
        return self.responder.slates(requests, SEGMENTED.segment_fields, NOW_S)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "releases")
    yield made
    made.snapshots.close()


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return partition_on(tmp_path)


def request(name: str = "r", **fields: Any) -> SlateRequest:
    return SlateRequest(name, fields.pop("user", "u"), START_S, **fields)


def shown(slate: Slate) -> list[str]:
    return [item.item_id for item in slate.items]


def test_slates_come_in_the_order_of_the_requests_whatever_their_segments(world: World) -> None:
    requests = [
        request(f"r{number}", segment=("x", "y", "z")[number % 3], k=3) for number in range(9)
    ]
    slates = world.ask(*requests)
    assert [(slate.slate_id, slate.request_id, slate.segment) for slate in slates] == [
        (each.request_id, each.request_id, each.segment) for each in requests
    ]
    assert all(slate.ts == NOW_S and slate.user_id == "u" for slate in slates)


def test_the_segment_is_the_requests_own_or_its_contexts_or_default(world: World) -> None:
    slates = world.ask(
        request(segment="own", context={"age": "30"}),
        request(context={"age": "30"}),
        request(context={"sex": "F"}),
    )
    assert [slate.segment for slate in slates] == ["own", "age=30", "default"]


def test_what_is_clicked_is_shown_first(world: World) -> None:
    slates = world.ask(*(request(f"r{number}", segment="x", k=3) for number in range(20)))
    first = [shown(slate)[0] for slate in slates]
    assert first.count(ITEMS[0]) >= 18
    best = next(slate for slate in slates if shown(slate)[0] == ITEMS[0]).items[0]
    assert best.why["impressions"] == 1000
    assert best.propensity > 0.5


@pytest.mark.parametrize("k", [1, 5, 100])
def test_k_items_or_as_many_as_there_are_and_none_twice(world: World, k: int) -> None:
    (slate,) = world.ask(request(k=k))
    assert len(slate.items) == len(set(shown(slate))) == min(k, len(ITEMS))
    assert [item.position for item in slate.items] == list(range(len(slate.items)))


def test_only_candidates_are_shown_and_nothing_excluded_or_unavailable(world: World) -> None:
    world.describe(ITEMS[1], available=False)
    world.catalogue.put(ITEMS[2], None, 2.0)
    wanted = [*ITEMS[:5], "never described"]
    (slate,) = world.ask(request(k=10, candidates=wanted, exclude=[ITEMS[3], "unheard of"]))
    assert set(shown(slate)) == {ITEMS[0], ITEMS[4]}


def test_no_candidates_is_an_empty_slate_and_an_answer_all_the_same(world: World) -> None:
    slates = world.ask(
        request("a", candidates=[]), request("b", candidates=["never described"]), request("c")
    )
    assert [len(slate.items) for slate in slates] == [0, 0, 10]


def test_an_item_that_came_a_moment_ago_can_be_asked_for(world: World) -> None:
    world.ask(request())
    world.describe("brand new")
    (slate,) = world.ask(request(candidates=["brand new"]))
    assert shown(slate) == ["brand new"]


def test_a_chunk_is_answered_noted_and_measured_and_bad_requests_are_dead_letters(
    world: World, partition: Partition
) -> None:
    good = [
        encode(request(f"r{number}", segment="x", k=2, user=f"u{number}")) for number in range(3)
    ]
    chunk: Chunk = chunk_of(
        [good[0], b"{", good[1], encode(request(k=7)).replace(b'"k":7', b'"k":0'), good[2]],
        "slate-requests",
    )
    world.answering.answer(partition, chunk, RULES, NOW_S)
    assert [(topic, key, slate.slate_id) for topic, key, slate in world.sent.records] == [
        ("slates", f"u{number}".encode(), f"r{number}") for number in range(3)
    ]
    row = partition.slate("r1")
    assert row is not None
    assert (row.segment, row.policy) == ("x", DEFAULT.version)
    assert len(partition.rejected) == 2
    assert partition.stream_s["slate-requests"] == START_S
    assert world.metrics.registry.get_sample_value("slatestream_requests_total") == 3
    assert world.metrics.registry.get_sample_value("slatestream_request_seconds_count") == 3


def test_without_any_item_the_slate_is_empty(tmp_path: Path) -> None:
    items = Index()
    counts, catalogue = CountsView(items), CatalogueView(items)
    vectors = EmbeddingsView(catalogue, "encoder-releases", tmp_path, lambda _state: None)
    rng = np.random.default_rng(1)
    snapshots = ServedStates(DEFAULT, counts, catalogue, vectors, rng)
    responder = Responder(DEFAULT, counts, catalogue, snapshots, UserProfiles(), rng)
    (slate,) = responder.slates([request()], (), NOW_S)
    assert (slate.items, slate.segment) == ([], "default")
    snapshots.close()
