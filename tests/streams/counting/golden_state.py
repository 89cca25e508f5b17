"""Golden state: the rows of both changelogs as a release wrote them, so that the next one is tried
on them. `python -m tests.streams.counting.golden_state` writes those of this version; a version
that is out in the world keeps its file as it is.

    {"plain" | "half-life": {"counts" | "slates": [[key, value]]}}      bytes as hexadecimal digits
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from streams import __version__
from streams.contract.events import Click
from streams.counting.limits import Admission, DescribedItems, Limits
from streams.counting.partition import Partition
from streams.counting.rocksdb import Disk
from streams.counting.rules import Rules
from tests.streams.making import (
    NOW_S,
    RULES,
    START_S,
    click,
    count_clicks,
    count_impressions,
    impression,
    note_slate,
    write,
)

FOLDER = Path(__file__).parent / "golden"
HALF_LIFE_S = {"plain": None, "half-life": 3600.0}
KINDS = ("counts", "slates")
OFFSETS = {"impressions": 7, "clicks": 5, "slates": 1}
TOPIC_IDS = {"impressions": "id-of-impressions"}


def partition_on(disk: Disk, form: str) -> Partition:
    """A partition on a disk; every item is one that nobody described."""
    described = DescribedItems()
    described.complete = True
    admission = Admission(Limits(), described, disk)
    return Partition(0, disk, 1000, HALF_LIFE_S[form], admission)


def rules_of(form: str) -> Rules:
    """The rules of the tests, with or without a half-life."""
    return RULES._replace(half_life_s=HALF_LIFE_S[form])


def live(partition: Partition, rules: Rules) -> None:
    """Every kind of row: own slates and others, items seen, clicked, converted; feedback that
    waits; conversions by event.
    """
    note_slate(partition, "made", "x", ["a", "b"], rules=rules)
    shown = [
        impression("made", "a", 1.0),
        impression("plain", "a", 2.0, segment="y"),
        impression("plain", "c", 2.0, position=1, segment="y"),
    ]
    assert not count_impressions(partition, shown, rules, NOW_S)
    sold = Click("plain", "user", "a", START_S + 7.0, "conversion", 30.0, "order-1")
    fed = [
        click("made", "a", 5.0),
        click("plain", "a", 6.0),
        sold,
        click("later", "a", 10.0),  # waits for its impression
        click("later", "a", 11.0, "conversion", 4.0),
        Click("later", "user", "a", START_S + 12.0, "conversion", 9.0, "order-2"),
    ]
    assert not count_clicks(partition, fed, rules, NOW_S)
    partition.offsets |= OFFSETS
    partition.topic_ids |= TOPIC_IDS
    partition.moved = True


def rows(form: str) -> dict[str, list[list[str | None]]]:
    """What a flush writes of that history."""
    with tempfile.TemporaryDirectory() as directory:
        disk = Disk(Path(directory) / "partition-0")
        partition = partition_on(disk, form)
        live(partition, rules_of(form))
        changes: Any = partition.take_changes()
        write(partition, changes)
        disk.close()
    return {
        kind: [[key.hex(), value.hex() if value is not None else None] for key, value in found]
        for kind, found in (("counts", changes.counts), ("slates", changes.slates))
    }


def main() -> None:
    """Write the file of this version."""
    path = FOLDER / f"{__version__}.json"
    FOLDER.mkdir(exist_ok=True)
    path.write_text(json.dumps({form: rows(form) for form in HALF_LIFE_S}, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
