"""Places: where slates of this project showed items, and where they were clicked, as one partition
counts it. What users send of slates that they made themselves says nothing here: who chose the
place, and why, is not known.

A cache of two generations in front of the disk, as `streams.counting.partition` has for counts.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bandits.learning.places import BANDS
from streams.contract.place_rows import (
    PlaceRow,
    decode_places,
    encode_place_key,
    encode_places,
    no_places,
)
from streams.counting.rocksdb import Disk
from streams.counting.rows import CLICKED, SEEN, Seen, SlateRow, items_of, offered_of

if TYPE_CHECKING:
    from streams.counting.partition import Partition

CountKey = tuple[str, str]  # (segment, item_id)
# band of every place up to the last band's first
_BAND_OF = [sum(first <= place for first in BANDS) - 1 for place in range(BANDS[-1] + 1)]


class Places:
    """Place rows of one partition."""

    def __init__(self, disk: Disk, rows_in_memory: int) -> None:
        self._disk = disk
        self._most = rows_in_memory
        self._rows: dict[CountKey, PlaceRow] = {}
        self._older: dict[CountKey, PlaceRow] = {}
        self._dirty: dict[CountKey, PlaceRow] = {}

    def add(self, key: CountKey, place: int, *, click: bool) -> None:
        """An impression at a place, or a click on one."""
        row = self._rows.get(key)
        if row is None:
            row = self._older.pop(key, None)
            if row is None:
                stored = self._disk.get(encode_place_key(*key))
                row = no_places() if stored is None else decode_places(stored)
            self._rows[key] = row
        row[2 * _BAND_OF[min(place, BANDS[-1])] + click] += 1
        self._dirty[key] = row

    def take(self) -> Iterator[tuple[bytes, bytes]]:
        """Rows that changed since the last call, encoded."""
        dirty, self._dirty = self._dirty, {}
        for key, row in dirty.items():
            yield encode_place_key(*key), encode_places(row)

    def forget(self, keys: Iterable[CountKey]) -> Iterator[tuple[bytes, None]]:
        """Rows that go with their counts, as tombstones."""
        for key in keys:
            for rows in (self._rows, self._older, self._dirty):
                rows.pop(key, None)
            stored = encode_place_key(*key)
            if self._disk.get(stored) is not None:
                yield stored, None

    def settled(self) -> None:
        """What was taken is on disk."""
        if len(self._rows) > self._most:
            self._older, self._rows = self._rows, {}


def count_seen(
    partition: "Partition", row: SlateRow, segment: str, item_ids: Iterable[str]
) -> None:
    """Items of a slate were counted as seen for the first time."""
    if not row.offered:
        return
    at = {item_id: place for item_id, place, _propensity in offered_of(row)}
    for item_id in item_ids:
        place = at.get(item_id)
        if place is not None and partition.admission.item(item_id):
            partition.places.add((segment, item_id), place, click=False)


def count_clicked(partition: "Partition", row: SlateRow, segment: str, item_id: str) -> None:
    """A click on an item of a slate was counted."""
    for other_id, place, _propensity in offered_of(row) if row.offered else ():
        if other_id == item_id:
            partition.places.add((segment, item_id), place, click=True)


def count_before(partition: "Partition", row: SlateRow) -> None:
    """A slate came after impressions of it, and perhaps clicks: they have places now."""
    for item_id, seen in items_of(row).items():
        segment = (seen.segment if isinstance(seen, Seen) else None) or row.segment or ""
        if not isinstance(seen, Seen) or seen.bits & SEEN:
            count_seen(partition, row, segment, (item_id,))
        if isinstance(seen, Seen) and seen.bits & CLICKED:
            count_clicked(partition, row, segment, item_id)
