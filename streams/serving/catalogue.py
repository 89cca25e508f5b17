"""Catalogue: what can be shown, in memory in every worker, from the `items` topic.

Only items that were described, and say that they are available, can be shown. For users who produce
no items at all, whatever was seen in impressions or is named by a request can be.
"""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits.slates.serve import Catalogue
from streams.contract.events import EventError, Item, decode_item
from streams.serving.counts_view import Index

NO_GROUP = -1


class CatalogueView:
    """Items by the columns of the counts; grows as names come, from here and from the counts."""

    def __init__(self, items: Index) -> None:
        self.items = items
        self.version = 0
        self.groups = Index()
        self.described: dict[str, Item] = {}
        self.partition: dict[str, int] = {}  # of the items topic: whose worker embeds the item
        self._first_seen_s: dict[str, float] = {}
        self._withdrawn: set[str] = set()

    def apply(self, records: Iterable[Any]) -> None:
        """Records of the items topic (confluent-kafka messages); what cannot be read is left out
        here and is a dead letter elsewhere.
        """
        for record in records:
            key = record.key()
            if not key:
                continue
            _kind, ms = record.timestamp()
            self.put(
                key.decode(errors="replace"),
                record.value(),
                ms / 1000.0 if ms > 0 else time.time(),
                record.partition(),
            )

    def put(self, item_id: str, value: bytes | None, at_s: float, partition: int = 0) -> None:
        """An item's record; no value withdraws it."""
        if value is None:
            self.described.pop(item_id, None)
            self._withdrawn.add(item_id)
        else:
            try:
                item = decode_item(value)
            except EventError:
                return
            self.described[item_id] = item
            self.partition[item_id] = partition
            self._withdrawn.discard(item_id)
            self._first_seen_s.setdefault(item_id, at_s)
        self.items.number(item_id)
        self.version += 1

    def may_show(self, item_id: str) -> bool:
        """Whether the item can be shown."""
        item = self.described.get(item_id)
        return item.available if item is not None else self._empty()

    def _empty(self) -> bool:
        return not self.described and not self._withdrawn

    def catalogue(self, exclude: Iterable[str], vectors: NDArray[np.float32] | None) -> Catalogue:
        """The arrays that slates are made from: (n_items,) each, vectors (n_items, d)."""
        n = len(self.items)
        available = np.zeros(n, dtype=bool)
        first_seen_s = np.full(n, np.nan)
        group = np.full(n, NO_GROUP, dtype=np.int32)
        if self._empty():
            available[:] = True
        for item_id, item in self.described.items():
            number = self.items.number(item_id)
            available[number] = item.available
            first_seen_s[number] = self._first_seen_s[item_id]
            if item.category is not None:
                group[number] = self.groups.number(item.category)
        for item_id in exclude:
            excluded = self.items.get(item_id)
            if excluded is not None:
                available[excluded] = False
        return Catalogue(available, first_seen_s, group, vectors)
