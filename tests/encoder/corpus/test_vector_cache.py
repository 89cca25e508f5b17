"""Vectors that are kept: never wrong, never of another encoder, and never in the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from encoder.corpus import vector_cache as module
from encoder.corpus.vector_cache import TextEncoder, VectorCache, vectors_of

TEXTS = [f"text {i}" for i in range(40)]


class Counting:
    """Says the length and the last number of a text, and counts what it was asked."""

    def __init__(self, name: str = "a", factor: float = 1.0) -> None:
        self.asked: list[str] = []
        self.factor = factor
        self.encoder = TextEncoder(name, 2, self.embed)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        rows = [(len(text), int(text.split()[1])) for text in texts]
        return self.factor * np.array(rows, np.float32)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 8)


def read(path: Path, texts: Sequence[str] = TEXTS, name: str = "a") -> tuple[list[str], np.ndarray]:
    """What was asked of the encoder, and the vectors."""
    with VectorCache(path) as cache:
        made = Counting(name)
        return made.asked, vectors_of(made.encoder, texts, cache)


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_stand_in_the_order_of_the_texts_and_each_text_is_read_once(threads: int) -> None:
    made = Counting()
    told: list[tuple[int, int]] = []
    twice = [*TEXTS, *reversed(TEXTS)]
    found = vectors_of(
        made.encoder, twice, threads=threads, progress=lambda *each: told.append(each)
    )
    np.testing.assert_array_equal(found, Counting().embed(twice))
    assert sorted(made.asked) == sorted(TEXTS)
    assert told == [(n, 40) for n in range(0, 41, 8)]


def test_second_run_reads_what_is_new_and_nothing_else(tmp_path: Path) -> None:
    read(tmp_path / "kept", TEXTS[:30])
    asked, found = read(tmp_path / "kept")
    assert asked == TEXTS[30:]
    np.testing.assert_array_equal(found, Counting().embed(TEXTS))
    assert read(tmp_path / "kept")[0] == []


def test_run_that_was_cut_off_goes_on_at_the_part_where_it_was(tmp_path: Path) -> None:
    def stop(done: int, all_of: int) -> None:
        if done == 24:
            raise KeyboardInterrupt

    with VectorCache(tmp_path / "kept") as cache, pytest.raises(KeyboardInterrupt):
        vectors_of(Counting().encoder, TEXTS, cache, progress=stop)
    assert read(tmp_path / "kept")[0] == TEXTS[24:]


def test_vectors_of_one_encoder_are_never_those_of_another(tmp_path: Path) -> None:
    read(tmp_path / "kept")
    with VectorCache(tmp_path / "kept") as cache:
        other = Counting("b", factor=-1.0)
        found = vectors_of(other.encoder, TEXTS, cache)
        np.testing.assert_array_equal(found, -Counting().embed(TEXTS))
        assert vectors_of(Counting().encoder, TEXTS, cache)[0, 0] > 0


def test_vector_that_was_changed_on_disk_is_made_again(tmp_path: Path) -> None:
    read(tmp_path / "kept")
    with sqlite3.connect(tmp_path / "kept") as database:
        database.execute("UPDATE vectors SET vector = zeroblob(8) WHERE rowid = 3")
    database.close()
    asked, found = read(tmp_path / "kept")
    assert asked == [TEXTS[2]]
    np.testing.assert_array_equal(found, Counting().embed(TEXTS))


@pytest.mark.parametrize("damage", ["no database", "other layout", "torn", "empty"])
def test_file_that_cannot_be_read_is_made_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "kept"
    read(path)
    if damage == "other layout":
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
    else:
        whole = path.read_bytes()
        torn = whole[:100] + bytes(len(whole) - 100)
        path.write_bytes({"no database": b"x" * 5_000, "torn": torn, "empty": b""}[damage])
    assert read(path)[0] == TEXTS
    assert read(path)[0] == []


def test_what_the_last_run_did_not_ask_for_goes_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    many = [f"text {i}" for i in range(2_000)]
    read(path, many)
    large = path.stat().st_size
    with VectorCache(path) as cache:
        vectors_of(Counting().encoder, TEXTS, cache)
        cache.keep_used()
    assert path.stat().st_size < large / 4
    assert read(path)[0] == []
    assert len(read(path, many)[0]) == len(many) - len(TEXTS)


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(OSError, match="kept: expected a file to keep vectors in"):
        VectorCache(tmp_path / "kept")
