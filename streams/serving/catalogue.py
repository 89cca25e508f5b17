"""Catalogue: what can be shown, in memory, from the `items` topic.

Only items that were described, and say that they are available, can be shown. For users who produce
no items at all, whatever was seen in impressions or is named by a request can be.
"""

import time
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bandits.slates.serve import Catalogue
from streams.contract.events import EventError, Item
from streams.contract.items import read_item
from streams.serving.counts_view import Index
from streams.serving.facets import FacetColumns
from streams.serving.own_vectors import OwnVectors

NO_GROUP = -1


class CatalogueView:
    """Items by the columns of the counts; grows as names come, from here and from the counts. Their
    vectors stand apart (`own_vectors`): as numbers of an item's record they would take 49 KB each.

    Parameters
    ----------
    items
        Columns by name.
    max_bytes
        Of an item's record.
    """

    def __init__(self, items: Index, max_bytes: int) -> None:
        self.items = items
        self.version = 0
        self.groups = Index()
        self.described: dict[str, Item] = {}
        self.facets = FacetColumns()
        self.own_vectors = OwnVectors()
        self._max_bytes = max_bytes
        self._withdrawn: set[str] = set()
        # by column, for the names that were described
        self._available = np.zeros(256, dtype=bool)
        self._first_seen_s = np.full(256, np.nan)
        self._group = np.full(256, NO_GROUP, dtype=np.int32)
        self._worded = np.zeros(256, dtype=bool)

    def apply(self, records: Iterable[Any]) -> list[str]:
        """Records of the items topic (confluent-kafka messages); returns the names that they
        changed. What cannot be used is left out here and is a dead letter elsewhere.
        """
        changed = []
        for record in records:
            _kind, ms = record.timestamp()
            at_s = ms / 1000.0 if ms > 0 else time.time()
            name = self.put(record.key(), record.value(), at_s)
            if name is not None:
                changed.append(name)
        return changed

    def put(self, key: bytes | None, value: bytes | None, at_s: float) -> str | None:
        """An item's record; no value withdraws it. Returns its name, None if it is refused."""
        try:
            name, item = read_item(key, value, self._max_bytes)
        except EventError:
            return None
        number = self.items.number(name)
        self._reserve(number + 1)
        self.own_vectors.put(number, None if item is None else item.vector)
        if item is None:
            self.described.pop(name, None)
            self._withdrawn.add(name)
            self._group[number] = NO_GROUP
        else:
            item = msgspec.structs.replace(item, vector=None)
            self.described[name] = item
            self._withdrawn.discard(name)
            if np.isnan(self._first_seen_s[number]):
                self._first_seen_s[number] = at_s
            self._group[number] = (
                NO_GROUP if item.category is None else self.groups.number(item.category)
            )
        self._worded[number] = item is not None and _says_something(item)
        self.facets.put(number, item)
        self._available[number] = item is not None and item.available
        self.version += 1
        return name

    def may_show(self, name: str) -> bool:
        """Whether the item can be shown, as of now."""
        item = self.described.get(name)
        return item.available if item is not None else self.undescribed

    def worded(self, n: int) -> NDArray[np.bool_]:
        """(n,) items that say more of themselves than their id."""
        self._reserve(n)
        return self._worded[:n]

    @property
    def undescribed(self) -> bool:
        """Whether nobody has produced an item yet."""
        return not self.described and not self._withdrawn

    def catalogue(
        self,
        vectors: NDArray[np.float32] | None,
        prior_vectors: NDArray[np.float32] | None = None,
    ) -> Catalogue:
        """The arrays that slates are made from, copies: (n_items,) each, vectors (n_items, d)."""
        n = len(self.items)
        self._reserve(n)
        available = self._available[:n].copy()
        if self.undescribed:
            available[:] = True
        first_seen_s, group = self._first_seen_s[:n].copy(), self._group[:n].copy()
        return Catalogue(available, first_seen_s, group, vectors, prior_vectors)

    def _reserve(self, n: int) -> None:
        more = n - len(self._available)
        if more > 0:
            more = max(more, len(self._available))
            self._available = np.pad(self._available, (0, more))
            self._first_seen_s = np.pad(self._first_seen_s, (0, more), constant_values=np.nan)
            self._group = np.pad(self._group, (0, more), constant_values=NO_GROUP)
            self._worded = np.pad(self._worded, (0, more))


def _says_something(item: Item) -> bool:
    """Whether there is a text to embed; of an item that says nothing it is the id."""
    words = item.title, item.text, item.category, item.brand, item.tags
    return item.price is not None or any(words)
