"""Slices: work of a flush that is cut, so that the event loop turns in between."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeVar

Row = TypeVar("Row")
# rows that are encoded between two turns of the event loop: some 4 ms
ROWS_AT_ONCE = 2000


def batched(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in slices, in order."""
    left = iter(rows)
    while batch := list(itertools.islice(left, ROWS_AT_ONCE)):
        yield batch
