"""Catalogue: what can be shown, in memory in every worker, from the `items` topic; and the vectors of the release in force.

An item that was never described can be shown only while the catalogue is empty (a user who produces no items), or when a request names it.
"""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits.serve import Catalogue
from encoder.release import WireError, decode_embedding, decode_release
from encoder.verify import ReleaseAssembly

from .events import EventError, Item, decode_item
from .view import Index

NO_GROUP = -1


class CatalogueView:
    """Items by the columns of the counts; grows as names come, from here and from the counts."""

    def __init__(self, items: Index) -> None:
        self.items = items
        self.version = 0
        self.groups = Index()
        self.described: dict[str, Item] = {}
        self._first_seen_s: dict[str, float] = {}
        self._withdrawn: set[str] = set()

    def apply(self, records: Iterable[Any]) -> None:
        """Records of the items topic (confluent-kafka messages); what cannot be read is left out here and is a dead letter elsewhere."""
        for record in records:
            key = record.key()
            if not key:
                continue
            _kind, ms = record.timestamp()
            self.put(key.decode(errors="replace"), record.value(), ms / 1000.0 if ms > 0 else time.time())

    def put(self, item_id: str, value: bytes | None, at_s: float) -> None:
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
            self._withdrawn.discard(item_id)
            self._first_seen_s.setdefault(item_id, at_s)
        self.items.number(item_id)
        self.version += 1

    def may_show(self, item_id: str) -> bool:
        """Whether a request that names the item may get it: unknown ones yes, withdrawn and unavailable ones no."""
        item = self.described.get(item_id)
        return item.available if item is not None else item_id not in self._withdrawn

    def catalogue(self, exclude: Iterable[str], vectors: NDArray[np.float32] | None) -> Catalogue:
        """The arrays that slates are made from: (n_items,) each, vectors (n_items, d)."""
        n = len(self.items)
        available = np.zeros(n, dtype=bool)
        first_seen_s = np.full(n, np.nan)
        group = np.full(n, NO_GROUP, dtype=np.int32)
        if not self.described and not self._withdrawn:
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


class VectorsView:
    """Embeddings and releases: the matrix of the release in force, or the vectors that the items brought themselves."""

    def __init__(self, catalogue: CatalogueView, releases_topic: str) -> None:
        self.assembly = ReleaseAssembly()
        self.version = 0
        self._catalogue = catalogue
        self._releases_topic = releases_topic
        self._cached: tuple[Any, ...] | None = None
        self._matrix: NDArray[np.float32] | None = None

    @property
    def items(self) -> Index:
        """Numbers of the matrix's rows."""
        return self._catalogue.items

    @property
    def encoder(self) -> str | None:
        """Version of the release in force."""
        current = self.assembly.current()
        return None if current is None else current.version

    def apply(self, records: Iterable[Any]) -> None:
        """Records of the topics `item-embeddings` and `encoder-releases`; broken ones change nothing."""
        for record in records:
            value = record.value()
            try:
                if record.topic() == self._releases_topic:
                    if value is not None:
                        self.assembly.add_release(decode_release(value))
                elif value is None:
                    self.assembly.remove((record.key() or b"").decode(errors="replace"))
                else:
                    self.assembly.add_embedding(decode_embedding(value))
            except WireError:
                continue
            self.version += 1

    def matrix(self) -> NDArray[np.float32] | None:
        """(n_items, d) unit rows by the columns of the counts, zero rows where there is no vector; None without any."""
        items = self._catalogue.items
        state = (self.version, self._catalogue.version, len(items))
        if state != self._cached:
            self._cached = state
            current = self.assembly.current()
            self._matrix = current.take(items.names)[0].astype(np.float32) if current is not None else self._own_vectors()
        return self._matrix

    def _own_vectors(self) -> NDArray[np.float32] | None:
        own = {name: item.vector for name, item in self._catalogue.described.items() if item.vector}
        lengths = {len(vector) for vector in own.values()}
        if len(lengths) != 1:
            return None  # none, or not comparable with each other
        matrix = np.zeros((len(self._catalogue.items), lengths.pop()), dtype=np.float32)
        for name, vector in own.items():
            norm = float(np.linalg.norm(vector))
            if np.isfinite(norm) and norm > 0:
                matrix[self._catalogue.items.number(name)] = np.asarray(vector) / norm
        return matrix
