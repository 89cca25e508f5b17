"""Faust sees tables that it can read and cannot write."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.worker.faust_store import TableStore
from tests.streams.making import partition_on


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    partition = partition_on(tmp_path)
    partition.count(("x", "a")).impressions = 3
    made = TableStore.__new__(TableStore)
    made.app = SimpleNamespace(
        engine=SimpleNamespace(store=SimpleNamespace(partitions={0: partition}))
    )
    return made


def test_rows_in_memory_can_be_read_as_from_a_mapping(store: TableStore) -> None:
    assert list(store) == [("x", "a")]
    assert len(store) == 1
    assert ("x", "a") in store
    assert store["x", "a"] == (3, 0, 0, 0, 0)


def test_an_empty_store_is_true_and_no_absent_one(store: TableStore) -> None:
    store.app.engine.store.partitions = {}
    assert len(store) == 0
    assert store


def test_every_write_is_refused_with_the_way_that_works(store: TableStore) -> None:
    def write() -> None:
        store["x", "a"] = 5

    def delete() -> None:
        del store["x", "a"]

    for change in (write, delete, store.clear):
        with pytest.raises(TypeError, match="produce to the source topics"):
            change()
    assert store["x", "a"][0] == 3


def test_fausts_own_recovery_has_nothing_to_do_here(store: TableStore) -> None:
    batch: Any = []
    tp = TP("t", 0)
    assert store.persisted_offset(tp) is None
    store.set_persisted_offset(tp, 5)
    assert store.persisted_offset(tp) is None
    with pytest.raises(RuntimeError, match="must not run"):
        store.apply_changelog_batch(batch, None, None)
