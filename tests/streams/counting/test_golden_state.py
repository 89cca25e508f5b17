"""State of earlier versions opens in this one: rows are read, totals are right, and what waited
goes on waiting.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bandits.learning.recent_counts import CLICKS, IMPRESSIONS
from streams import __version__
from streams.contract.count_rows import COUNTS_PREFIX, RowError, decode_count
from streams.contract.outcome_rows import (
    OUTCOMES_PREFIX,
    SLATE_SUMS,
    SLATES_KIND,
    OutcomeKey,
    decode_outcome,
    encode_outcome_key,
)
from streams.counting.partition import Partition
from streams.counting.rocksdb import Disk
from streams.counting.rows import decode_slate
from streams.serving.counts_view import CountsView, Index
from tests.streams.counting.golden_state import (
    FOLDER,
    HALF_LIFE_S,
    KINDS,
    OFFSETS,
    TOPIC_IDS,
    partition_on,
    rows,
    rules_of,
)
from tests.streams.making import (
    NOW_S,
    START_S,
    click,
    count_clicks,
    count_impressions,
    flush,
    impression,
    record,
    totals,
)

VERSIONS = sorted(path.stem for path in FOLDER.glob("*.json"))
Rows = list[tuple[bytes, bytes | None]]


def golden(version: str, form: str) -> dict[str, Rows]:
    stored = json.loads((FOLDER / f"{version}.json").read_text())[form]
    return {
        kind: [
            (bytes.fromhex(key), bytes.fromhex(value) if value is not None else None)
            for key, value in stored[kind]
        ]
        for kind in KINDS
    }


@pytest.fixture(params=HALF_LIFE_S)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=VERSIONS)
def opened(request: pytest.FixtureRequest, form: str, tmp_path: Path) -> Any:
    """A partition that was restored from the changelogs of another version."""
    version = request.param
    found = golden(version, form)
    disk = Disk(tmp_path / "partition-0")
    batch = disk.batch()
    for key, value in found["counts"]:
        batch.put_count(key, value)
    for key, value in found["slates"]:
        batch.put_slate(key, value)
    batch.write()
    yield partition_on(disk, form)
    disk.close()


def test_there_is_a_file_of_this_version() -> None:
    assert __version__ in VERSIONS


def test_totals_positions_and_names_are_those_that_were_counted(opened: Partition) -> None:
    """Impressions, clicks, conversions, value: made/a was seen and clicked, plain/a sold for 30
    besides.
    """
    assert totals(opened) == {
        ("x", "a"): (1, 1, 0, 1.0),
        ("y", "a"): (1, 1, 1, 31.0),
        ("y", "c"): (1, 0, 0, 0.0),
    }
    assert {name: opened.offsets[name] for name in OFFSETS} == OFFSETS
    assert opened.topic_ids == TOPIC_IDS
    assert sorted(opened.disk.unknown_items()) == ["a", "c"]


def test_what_was_counted_counts_no_more_and_what_waited_comes_to_its_impression(
    opened: Partition, form: str
) -> None:
    rules = rules_of(form)
    seen_again = [impression("plain", "a", 30.0, segment="y")]
    late = [impression("later", "a", 9.0, segment="z")]
    assert not count_impressions(opened, seen_again + late, rules, NOW_S)
    assert not count_clicks(
        opened, [click("plain", "a", 31.0), click("plain", "c", 32.0)], rules, NOW_S
    )
    assert totals(opened) == {
        ("x", "a"): (1, 1, 0, 1.0),
        ("y", "a"): (1, 1, 1, 31.0),
        ("y", "c"): (1, 1, 0, 1.0),
        ("z", "a"): (1, 1, 1, 14.0),  # a click of 1, conversions of 4 and 9
    }


def test_outcomes_go_on_where_they_stood(opened: Partition, form: str) -> None:
    """The slate that this project made: one item was seen and clicked, now the other is seen."""
    key = encode_outcome_key(OutcomeKey(SLATES_KIND, int(START_S // 3600), ("base", "v1", 0)))

    def sums() -> dict[str, float]:
        row = decode_outcome(SLATES_KIND, opened.disk.get(key) or b"")
        found = dict(zip(SLATE_SUMS, row, strict=True))
        return {name: found[name] for name in ("offered", "seen", "impressions", "clicks")}

    assert sums() == {"offered": 1, "seen": 1, "impressions": 1, "clicks": 1}
    seen = [impression("made", "b", 20.0, position=1)]
    assert not count_impressions(opened, seen, rules_of(form), NOW_S)
    flush(opened)
    assert sums() == {"offered": 1, "seen": 1, "impressions": 2, "clicks": 1}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_serving_process_reads_the_counts(version: str, form: str) -> None:
    items = Index()
    view = CountsView(items, HALF_LIFE_S[form])
    log = [
        record(value, key, offset=offset, at_ms=int(NOW_S * 1000))
        for offset, (key, value) in enumerate(golden(version, form)["counts"])
    ]
    view.apply(log, NOW_S)
    counts = np.maximum(view.look(NOW_S).items, 0.0)
    assert counts[IMPRESSIONS].sum() == 3
    assert counts[CLICKS].sum() == 2


def test_a_new_form_of_a_row_needs_a_new_file() -> None:
    """What this version writes has the kinds and versions of its file: one that differs is a change
    of layout, which earlier versions' files must survive.
    """

    def kinds(found: dict[str, Rows]) -> set[tuple[str, bytes, int, int]]:
        """Kind of a row, version, and of counts rows the size, which says what they hold."""
        made = set()
        for kind, each in found.items():
            for key, value in each:
                of = b"" if kind == "slates" else key[: 2 if key[:1] == OUTCOMES_PREFIX else 1]
                size = len(value or b"") if of == COUNTS_PREFIX else 0
                made.add((kind, of, (value or b"\0")[0], size))
        return made

    for form in HALF_LIFE_S:
        now = {
            kind: [
                (bytes.fromhex(str(key)), bytes.fromhex(value) if value is not None else None)
                for key, value in each
            ]
            for kind, each in rows(form).items()
        }
        assert kinds(now) == kinds(golden(__version__, form))


@pytest.mark.parametrize("read", [decode_count, decode_slate])
def test_rows_of_a_later_version_are_refused_and_not_guessed_at(read: Any) -> None:
    kind = "counts" if read is decode_count else "slates"
    for key, value in golden(__version__, "plain")[kind]:
        if value is not None and (kind == "slates" or key[:1] == COUNTS_PREFIX):
            read(value)
            with pytest.raises(RowError, match="version"):
                read(bytes([200]) + value[1:])
