"""ItemEmbedder: items that lack a vector of the live release are embedded, in a thread of its own.

An item is due if no vector of the live release was made from its present text. Changed items are
queued; a new release, and a partition that is newly assigned, queue all that are owned. An item
belongs to the process to which the partition of `slate-requests` is assigned that its id falls
into. So a restart and a rebalance need no memory of what was done; a vector made twice is the same
vector. What an item brings itself stands apart (`own_vectors`). An item whose text is the one that
the release was published with gets the vector it was published with, which need not be what the
release's encoder makes of it (`encoder.serving.release_embedder`).
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from encoder.serving.artifact import Artifact, ArtifactError
from encoder.serving.release_embedder import ReleaseEmbedder
from encoder.serving.text import item_text, text_hash
from encoder.serving.wire import ItemEmbedding, encode_record, encode_vector
from streams.contract.events import Item
from streams.contract.partitioner import partition_of
from streams.kafka.producer import EventSender
from streams.metrics import ServingMetrics
from streams.serving.catalogue import CatalogueView
from streams.serving.embeddings import EmbeddingsView

log = logging.getLogger(__name__)

AT_ONCE = 256  # items embedded together


class Due(NamedTuple):
    """An item to embed, with its text and the text's hash."""

    item: Item
    text: str
    hash: str


class Work(NamedTuple):
    """Items that are due, and what embeds them."""

    artifact: Artifact
    version: str
    due: Sequence[Due]


class ItemEmbedder:
    """Embeds what is due and produces it to `item-embeddings`.

    Parameters
    ----------
    catalogue, vectors
        The builder's views; `turn` runs in its thread.
    partitions, assigned
        Of `slate-requests`: how many there are, and which are this process's now.
    sender, topic, metrics
        Where the vectors go.
    """

    def __init__(
        self,
        catalogue: CatalogueView,
        vectors: EmbeddingsView,
        partitions: int,
        assigned: Callable[[], frozenset[int]],
        sender: EventSender,
        topic: str,
        metrics: ServingMetrics,
    ) -> None:
        self._catalogue = catalogue
        self._vectors = vectors
        self._partitions = partitions
        self._assigned = assigned
        self._sender = sender
        self._topic = topic
        self._metrics = metrics
        self._queue: dict[str, None] = {}  # in order
        self._sent: dict[str, tuple[str, str]] = {}  # item -> (release, hash) on its way
        self._scanned: tuple[str | None, frozenset[int]] = (None, frozenset())
        self._embedder: tuple[str, ReleaseEmbedder] | None = None
        self._refused: set[str] = set()  # releases whose model cannot be loaded here: said once
        self._work: Work | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="embed", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, which may be in the middle of a batch: its items are due again."""
        self._stopping = True
        self._wake.set()

    def turn(self, changed: Iterable[str]) -> None:
        """Queue what changed, and hand the thread its next batch when it has none."""
        for name in changed:
            self._queue[name] = None
        scan = self._vectors.encoder, self._assigned()
        if scan != self._scanned:
            self._scanned = scan
            self._queue |= dict.fromkeys(self._catalogue.described)
        artifact, version = self._vectors.artifact, self._vectors.encoder
        if self._work is not None or artifact is None or version is None:
            return
        if version in self._refused:
            self._queue.clear()
            return
        due = self.due(version, AT_ONCE)
        if due:
            self._work = Work(artifact, version, due)
            self._wake.set()

    def due(self, version: str, most: int) -> list[Due]:
        """Take up to `most` items out of the queue that are owned and lack a vector of the release
        made from their present text.
        """
        found: list[Due] = []
        owned = self._assigned()
        while self._queue and len(found) < most:
            name = next(iter(self._queue))
            del self._queue[name]
            item = self._catalogue.described.get(name)
            if item is None or partition_of(name, self._partitions) not in owned:
                continue
            text = item_text(msgspec.structs.asdict(item))
            fingerprint = text_hash(text)
            known = self._vectors.hashes.get((version, name))
            if known != fingerprint and self._sent.get(name) != (version, fingerprint):
                found.append(Due(item, text, fingerprint))
        return found

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stopping:
                return
            work = self._work
            if work is not None:
                try:
                    self.embed(work)
                except Exception:
                    log.exception("%d items could not be embedded", len(work.due))
                self._work = None

    def embed(self, work: Work) -> None:
        """Embed items and produce their vectors."""
        version = work.version
        try:
            if self._embedder is None or self._embedder[0] != version:
                self._embedder = (version, ReleaseEmbedder(work.artifact))
            vectors = self._embedder[1].embed(
                [each.item.item_id for each in work.due], [each.text for each in work.due]
            )
        except ArtifactError as error:
            self._refused.add(version)
            log.error("new items are not embedded with release %s: %s", version, error)
            return
        for each, vector in zip(work.due, vectors, strict=True):
            record = ItemEmbedding(each.item.item_id, version, encode_vector(vector), each.hash)
            self._sender.send(self._topic, each.item.item_id.encode(), encode_record(record))
            self._sent[each.item.item_id] = (version, each.hash)
        self._sender.flush()
        self._metrics.embedded.inc(len(work.due))
        log.info("embedded %d items with release %s", len(work.due), version)
