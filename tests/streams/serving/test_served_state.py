"""ServedStates: shared worlds, refreshed beside the caller."""

import time

import numpy as np
import orjson
import pytest

from bandits.slates.config import DEFAULT
from encoder.serving.wire import ItemEmbedding, Release, encode_record, encode_vector
from streams.contract.count_rows import CountRow, encode_count, encode_count_key
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import CountsView, Index
from streams.serving.embeddings import EmbeddingsView
from streams.serving.served_state import REFRESH_S, ServedStates

ITEMS = ("a", "b", "c")


class Views:
    """Three items and a counter for each, without a broker."""

    def __init__(self, tmp_path) -> None:
        items = Index()
        self.counts = CountsView(items)
        self.catalogue = CatalogueView(items)
        self.vectors = EmbeddingsView(
            self.catalogue, "encoder-releases", tmp_path, lambda _state: None
        )
        for item in ITEMS:
            self.describe(item)
        self.snapshots = ServedStates(
            DEFAULT, self.counts, self.catalogue, self.vectors, np.random.default_rng(1)
        )

    def describe(self, item: str) -> None:
        self.catalogue.put(item, orjson.dumps({"item_id": item}), 1.0)

    def count(self, segment: str, item: str, impressions: float) -> None:
        row = CountRow()
        row.impressions = row.examined = impressions
        self.counts.put(0, encode_count_key(segment, item), encode_count(row, False))

    def release(self, version: str, dim: int, at_s: float) -> None:
        for number, item in enumerate(ITEMS):
            vector = np.zeros(dim, np.float32)
            vector[number] = 1.0
            self.vectors.put_embedding(
                item, encode_record(ItemEmbedding(item, version, encode_vector(vector)))
            )
        record = Release(version, dim, len(ITEMS), version, "0" * 64, at_s, {})
        self.vectors.put_release(encode_record(record))
        self.vectors.version += 1


@pytest.fixture
def views(tmp_path):
    made = Views(tmp_path)
    yield made
    made.snapshots.close()


def until(views: Views, segment: str, done, now_s: float):
    """Ask until a refresh has come; the thread needs a moment."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        prepared = views.snapshots.get(segment, now_s)
        if done(prepared):
            return prepared
        time.sleep(0.01)
    raise AssertionError("no refresh")


def test_segments_share_one_world(views):
    views.count("s", "a", 5)
    first, second = views.snapshots.get("s", 0.0), views.snapshots.get("t", 0.0)
    assert first.world is second.world
    assert first.snapshot is not second.snapshot


def test_new_counts_reach_a_segment_in_use(views):
    views.count("s", "a", 5)
    assert views.snapshots.get("s", 0.0).world.counts.impressions[0, 0] == 5
    views.count("s", "a", 7)
    assert (
        until(
            views, "s", lambda p: p.world.counts.impressions[0, 0] == 7, 1.0
        ).snapshot.view.impressions[0]
        == 7
    )


def test_refresh_waits_its_time(views):
    views.snapshots.get("s", 0.0)
    views.count("s", "a", 1)
    until(views, "s", lambda p: p.world.counts.impressions.sum() == 1, 10.0)
    views.count("s", "a", 2)
    before = views.snapshots.get("s", 10.0 + REFRESH_S / 2)
    time.sleep(0.05)
    assert views.snapshots.get("s", 10.0 + REFRESH_S / 2) is before


def test_unchanged_views_make_nothing_new(views):
    held = views.snapshots.get("s", 0.0)
    for now_s in (1.0, 2.0, 100.0):
        assert views.snapshots.get("s", now_s) is held


def test_request_for_a_newer_item_gets_a_world_that_knows_it(views):
    assert views.snapshots.get("s", 0.0).world.counts.impressions.shape[1] == len(ITEMS)
    number = views.counts.items.number("d")
    views.describe("d")
    assert (
        views.snapshots.get("s", 0.0, most_item=number).world.counts.impressions.shape[1]
        == len(ITEMS) + 1
    )


def test_snapshot_keeps_the_vectors_of_its_own_release_while_the_next_is_made(views):
    views.release("v1", 4, 1.0)
    held = views.snapshots.get("s", 0.0)
    views.release("v2", 3, 2.0)
    assert (held.world.encoder, held.world.catalogue.vectors.shape[1]) == ("v1", 4)
    swapped = until(views, "s", lambda p: p.world.encoder == "v2", 1.0)
    assert swapped.world.catalogue.vectors.shape[1] == 3
    assert swapped.snapshot.view.vectors.shape[1] == 3


def test_segment_that_nobody_asks_for_is_let_go_and_made_again_fresh(views):
    views.count("s", "a", 1)
    views.snapshots.get("s", 0.0)
    views.snapshots.get("quiet", 0.0)
    for impressions in (2, 3):  # "quiet" is asked for before the first refresh only
        views.count("s", "a", impressions)
        until(
            views,
            "s",
            lambda p, n=impressions: p.world.counts.impressions.sum() == n,
            10.0 * impressions,
        )
    assert "quiet" not in views.snapshots._prepared
    assert views.snapshots.get("quiet", 30.0).world.counts.impressions.sum() == 3


def test_large_catalogues_hold_fewer_segments(views, monkeypatch):
    monkeypatch.setattr("streams.serving.served_state.MAX_CELLS", 2 * len(ITEMS))
    for segment in ("s", "t", "u"):
        views.snapshots.get(segment, 0.0)
    assert list(views.snapshots._prepared) == ["t", "u"]
