"""Vectors: the embeddings of the release in force, from `item-embeddings` and
`encoder-releases`.

A release is in force once its record stands up, its folder (where this worker can see it) has every
byte of its manifest, and all its embeddings are in: `encoder.serving.verify` decides. Until then,
and when it is refused, the one before stays. The swap is one reference. The vectors that items
bring themselves (`own_vectors`) stand beside the release's (`bandits.learning.modalities`); without
a release they stand alone.
"""

import logging
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits.learning.modalities import side_by_side
from encoder.serving.artifact import Artifact, ArtifactError, load
from encoder.serving.stored_embeddings import read_embeddings
from encoder.serving.verify import Decision, ReleaseAssembly
from encoder.serving.wire import Release, WireError, decode_embedding, decode_release
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import Index

log = logging.getLogger(__name__)


class EmbeddingsView:
    """The matrix that slates are made with, and the artifact that new items are embedded with."""

    def __init__(
        self,
        catalogue: CatalogueView,
        releases_topic: str,
        releases_dir: pathlib.Path,
        decided: Callable[[str], None] = lambda _state: None,
    ) -> None:
        self.assembly = ReleaseAssembly()
        self.version = 0
        # (release, item) -> hash of the text that was embedded
        self.hashes: dict[tuple[str, str], str] = {}
        self._catalogue = catalogue
        self._releases_topic = releases_topic
        self._releases_dir = releases_dir
        self._decided = decided
        self._artifacts: dict[str, Artifact] = {}  # release -> its folder, checked
        self._said: tuple[str, str] | None = None
        self._cached: tuple[Any, ...] | None = None
        self._matrices: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None] = None, None

    @property
    def items(self) -> Index:
        """Numbers of the matrix's rows."""
        return self._catalogue.items

    @property
    def encoder(self) -> str | None:
        """Version of the release in force."""
        release = self.assembly.current_release()
        return None if release is None else release.version

    @property
    def artifact(self) -> Artifact | None:
        """Folder of the release in force, if this worker can see it."""
        version = self.encoder
        return None if version is None else self._artifacts.get(version)

    def apply(self, records: Iterable[Any]) -> None:
        """Records of both topics (confluent-kafka messages); broken ones change nothing and are
        said.
        """
        for record in records:
            try:
                if record.topic() == self._releases_topic:
                    self.put_release(record.value())
                else:
                    self.put_embedding(
                        (record.key() or b"").decode(errors="replace"), record.value()
                    )
            except WireError as error:
                log.warning(
                    "%s[%d] %d: %s", record.topic(), record.partition(), record.offset(), error
                )
            self.version += 1

    def put_embedding(self, item_id: str, value: bytes | None) -> None:
        """One record of `item-embeddings`; no value forgets the item."""
        if value is None:
            self.assembly.remove(item_id)
            for release, _decision in self.assembly.decisions():
                self.hashes.pop((release.version, item_id), None)
            return
        embedding = decode_embedding(value)
        self.hashes[embedding.version, embedding.item_id] = embedding.text_hash
        self._say(self.assembly.add_embedding(embedding))

    def put_release(self, value: bytes | None) -> None:
        """One record of `encoder-releases`."""
        if value is not None:
            release = decode_release(value)
            self._judge(release, self._open(release))

    def lacking(self) -> Release | None:
        """The release in force, or the newest on its way, if its folder is not here."""
        newest = next(iter(self.assembly.waiting()), self.assembly.current_release())
        return newest if newest is not None and newest.version not in self._artifacts else None

    def folder_came(self, artifact: Artifact) -> None:
        """A folder that was not here is; its vectors fill what the topic no longer holds."""
        self._artifacts[artifact.version] = artifact
        for release, _decision in self.assembly.decisions():
            if release.version == artifact.version:
                self._judge(release, artifact.sha256)
        self.version += 1

    def _judge(self, release: Release, found_sha256: str | None) -> None:
        decision = self.assembly.add_release(release, found_sha256)
        artifact = self._artifacts.get(release.version)
        if decision.state == "waiting" and artifact is not None:
            try:
                stored = read_embeddings(artifact)
            except ArtifactError as error:
                log.warning("release %s: %s", release.version, error)
            else:
                for item_id, fingerprint in zip(stored.ids, stored.hashes, strict=True):
                    self.hashes.setdefault((release.version, item_id), fingerprint)
                decision = (
                    self.assembly.add_stored(release.version, stored.ids, stored.matrix) or decision
                )
        self._say(decision)

    def matrix(self) -> NDArray[np.float32] | None:
        """(n_items, d) unit rows by the columns of the counts, zero rows where there is no vector;
        None without any.
        """
        return self.matrices()[0]

    def matrices(self) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """The matrix, and without what clicks say the one that priors learn from: None where they
        have no part in it.
        """
        own = self._catalogue.own_vectors
        state = (self.version, own.version, len(self.items))
        if state != self._cached:
            self._cached = state
            self._matrices = self._beside(own.matrix(len(self.items)))
        return self._matrices

    def _beside(
        self, own: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        current, release = self.assembly.current(), self.assembly.current_release()
        if current is None or release is None:
            return own, None
        text = current.take(self.items.names)[0]  # (n_items, dim)
        if own is not None:
            # the text of an item that says nothing is its id: its own vector says more
            text[own.any(axis=1) & ~self._catalogue.worded(len(own))] = 0.0
        if release.text_dim in (0, release.dim):
            return side_by_side(text, own), None
        alone = text[:, : release.text_dim].copy()  # (n_items, text_dim)
        size = np.linalg.norm(alone, axis=1, keepdims=True)  # (n_items, 1)
        alone /= np.where(size > 0, size, 1.0)
        return side_by_side(text, own), side_by_side(alone, own)

    def _open(self, release: Release) -> str | None:
        """Hash of the release's manifest where its folder is here; a folder that is broken has none
        that fits.
        """
        path = self._releases_dir / release.artifact
        if not path.is_dir():
            return None  # `lacking`
        try:
            self._artifacts[release.version] = load(path, release.sha256)
        except ArtifactError as error:
            log.error("release %s: %s", release.version, error)
            return "broken"
        return release.sha256

    def _say(self, decision: Decision | None) -> None:
        if decision is not None and (decision.version, decision.state) != self._said:
            # not once per vector that is still missing
            self._said = decision.version, decision.state
            self._decided(decision.state)
            level = logging.ERROR if decision.state == "refused" else logging.INFO
            log.log(
                level, "release %s is %s: %s", decision.version, decision.state, decision.reason
            )
