"""ItemEmbedder: items that lack a vector of the release in force are embedded by the worker that
owns their partition of `items`.

What is missing follows from the views alone: an item is due if no vector of the release in force
was made from its present text. So a restart, a move of partitions and a new release need no memory
of what was done; a vector made twice is the same vector. The model runs in a thread of its own,
never on the event loop. Items that bring a vector of the release's length keep it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Producer

from encoder.serving.artifact import Artifact, ArtifactError
from encoder.serving.embed import Embedder
from encoder.serving.text import item_text, text_hash
from encoder.serving.wire import ItemEmbedding, encode_record, encode_vector
from streams.contract.events import Item
from streams.metrics import Metrics
from streams.serving.catalogue import CatalogueView
from streams.serving.embeddings import EmbeddingsView

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
AT_ONCE = 256  # items embedded before the views are looked at again


class Due(NamedTuple):
    """An item to embed, with its text and the text's hash."""

    item: Item
    text: str
    hash: str


class ItemEmbedder:
    """Embeds what is due and produces it to `item-embeddings`."""

    def __init__(
        self,
        client: Mapping[str, Any],
        topic: str,
        catalogue: CatalogueView,
        vectors: EmbeddingsView,
        metrics: Metrics,
    ) -> None:
        self._topic = topic
        self._catalogue = catalogue
        self._vectors = vectors
        self._metrics = metrics
        self._producer = Producer({**client, "enable.idempotence": True, "linger.ms": 5})
        self._embedder: tuple[str, Embedder] | None = None
        self._refused: set[str] = set()  # releases whose model cannot be loaded here: said once
        self._looked_at: tuple[Any, ...] | None = None
        # item -> (release, hash) that is on its way through the topic
        self._sent: dict[str, tuple[str, str]] = {}

    async def run(self, owned: Callable[[], set[int]], settled: Callable[[], bool]) -> None:
        """Look for what is due, for ever; `owned` gives this worker's partitions of `items`,
        `settled` whether the views are read.
        """
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="embed") as thread:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                partitions = owned()
                state = (self._catalogue.version, self._vectors.version, frozenset(partitions))
                artifact = self._vectors.artifact
                if not settled() or artifact is None or state == self._looked_at:
                    continue
                due = self.due(partitions, AT_ONCE)
                if not due:
                    self._looked_at = state
                    continue
                await loop.run_in_executor(
                    thread, self._embed, artifact, self._vectors.encoder, due
                )

    def due(self, partitions: set[int], most: int) -> list[Due]:
        """Up to `most` items of these partitions without a vector of the release in force made from
        their present text.
        """
        version = self._vectors.encoder
        found: list[Due] = []
        for item_id, item in self._catalogue.described.items():
            if self._catalogue.partition.get(item_id) not in partitions:
                continue
            text = item_text(msgspec.structs.asdict(item))
            fingerprint = text_hash(text)
            known = self._vectors.hashes.get((version or "", item_id))
            if known != fingerprint and self._sent.get(item_id) != (version, fingerprint):
                found.append(Due(item, text, fingerprint))
                if len(found) == most:
                    break
        return found

    def _embed(self, artifact: Artifact, version: str | None, due: Sequence[Due]) -> None:
        if version is None or version in self._refused:
            return
        try:
            if self._embedder is None or self._embedder[0] != version:
                self._embedder = (version, Embedder(artifact))
            embedder = self._embedder[1]
            vectors = embedder.embed([each.text for each in due])
        except ArtifactError as error:
            self._refused.add(version)
            log.error("new items are not embedded with release %s: %s", version, error)
            return
        for each, vector in zip(due, vectors, strict=True):
            own = np.asarray(each.item.vector, dtype=np.float32) if each.item.vector else None
            if (
                own is not None
                and own.shape == vector.shape
                and np.isfinite(own).all()
                and np.linalg.norm(own) > 0
            ):
                vector = own / np.linalg.norm(own)
            record = ItemEmbedding(each.item.item_id, version, encode_vector(vector), each.hash)
            self._producer.produce(self._topic, encode_record(record), each.item.item_id.encode())
            self._sent[each.item.item_id] = (version, each.hash)
        self._producer.flush()
        self._metrics.embedded.inc(len(due))
        log.info("embedded %d items with release %s", len(due), version)
