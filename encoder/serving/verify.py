"""The reading side of a release: collect embeddings, judge the record, swap only when all is there.

Records of `item-embeddings` and `encoder-releases` come in any order relative to each other. A
release is

    accepted   it is the newest one, its record stands up, and as many sound vectors are in as it
               promises
    waiting    its record stands up, vectors are missing
    refused    the record or a vector is unsound; the release before stays in force
    stale      an older release than the one in force

No Kafka, no clock, no disk. Meant for one thread; `current()` gives a snapshot that any thread may
read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.serving.collected import Collected, EmbeddingSet
from encoder.serving.gate import metric_reasons, mixture_reasons
from encoder.serving.wire import ROLLBACK, STATUSES, ItemEmbedding, Release

__all__ = ["Decision", "EmbeddingSet", "ReleaseAssembly", "record_reasons"]

FloatArray = NDArray[np.float32]
State = Literal["accepted", "waiting", "refused", "stale"]
# of any encoder this side of sense; a record that says more would cost the worker its memory
MAX_DIM = 8192


class Decision(NamedTuple):
    """What became of a release, and why, as one sentence."""

    state: State
    version: str
    reason: str


@dataclass
class _Known:
    """A record that was read, with the reasons against it."""

    release: Release
    reasons: list[str]


class ReleaseAssembly:
    """Releases on their way in.

    Parameters
    ----------
    keep_versions
        Versions whose vectors are held in memory at a time, the one in force included: more survive
        a wilder order of records at start, each costs items x dim x 4 bytes. At least 2.

    """

    def __init__(self, keep_versions: int = 4) -> None:
        if keep_versions < 2:
            msg = (
                "keep_versions: expected at least 2 (the release in force and the next), found "
                f"{keep_versions}"
            )
            raise ValueError(msg)
        self._keep = keep_versions
        self._collected: dict[str, Collected] = {}  # by version, the one touched last at the end
        self._known: dict[str, _Known] = {}
        self._current: Release | None = None

    def add_embedding(self, embedding: ItemEmbedding) -> Decision | None:
        """Take one vector in.

        Returns
        -------
        The decision when this vector changed one (the release became complete, or is spoiled); else
        None. A vector of the release in force extends it at once, or takes the place of the item's
        earlier one; an unsound one is left out.

        """
        version = embedding.version
        collected = self._touch(version)
        fault = collected.add(embedding.item_id, embedding.vector)
        if self._current is not None and version == self._current.version:
            return (
                Decision("refused", version, f"{fault}; the vector before stays") if fault else None
            )
        return self._decide(version) if version in self._known else None

    def add_stored(self, version: str, ids: Sequence[str], matrix: FloatArray) -> Decision | None:
        """Fill what the topic no longer holds from a release's folder
        (`encoder.serving.stored_embeddings.read_embeddings`).

        subtle: item-embeddings is compact. A worker that embeds a changed item under the old
        release just after the new one was published pushes the new vector out of the log, and a
        worker that starts later would wait for it for ever.

        Parameters
        ----------
        version
            The release.
        ids, matrix
            Its items and their vectors, (items, dim). Items that are there already are left as they
            are.

        """
        self._touch(version).fill(ids, matrix)
        return self._decide(version) if version in self._known else None

    def remove(self, item_id: str) -> None:
        """Forget an item that was withdrawn (a null value on `item-embeddings`)."""
        for collected in self._collected.values():
            collected.remove(item_id)

    def add_release(self, release: Release, found_sha256: str | None = None) -> Decision:
        """Take a release record in.

        Parameters
        ----------
        release
            The record.
        found_sha256
            Hash of the manifest in the folder the record names, where the reader has that folder: a
            mismatch is refused.

        Returns
        -------
        The decision on it. On "accepted", `current()` is this release from now on.

        """
        self._known[release.version] = _Known(release, record_reasons(release, found_sha256))
        return self._decide(release.version)

    def waiting(self) -> list[Release]:
        """Sound releases newer than the one in force that lack vectors, the newest first."""
        sound = [
            k.release for k in self._known.values() if not k.reasons and self._is_newer(k.release)
        ]
        return sorted(sound, key=lambda release: release.created_s, reverse=True)

    def decisions(self) -> list[tuple[Release, Decision]]:
        """Every release that was read with what is thought of it now, the newest first."""
        newest_first = sorted(self._known.values(), key=lambda k: k.release.created_s, reverse=True)
        return [(k.release, self._judge(k.release.version)) for k in newest_first]

    def current(self) -> EmbeddingSet | None:
        """The embeddings in force: the same object until something changes."""
        return (
            None
            if self._current is None
            else self._collected[self._current.version].snapshot(self._current.version)
        )

    def current_release(self) -> Release | None:
        """The record of the release in force."""
        return self._current

    def _decide(self, version: str) -> Decision:
        """Judge a version, and swap when it is accepted."""
        decision = self._judge(version)
        if decision.state == "accepted":
            self._touch(version)
            self._current = self._known[version].release
        return decision

    def _judge(self, version: str) -> Decision:
        known = self._known[version]
        release, collected = known.release, self._collected.get(version)
        if (
            self._current is not None
            and version == self._current.version
            and release.created_s >= self._current.created_s
        ):
            return (
                Decision("accepted", version, "in force")
                if not known.reasons
                else Decision("refused", version, known.reasons[0])
            )
        if not self._is_newer(release):
            return Decision(
                "stale",
                version,
                f"older than {self._current.version if self._current else version}",
            )
        faults = known.reasons + (collected.faults(release.dim) if collected else [])
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            return Decision("refused", version, faults[0] + more)
        found = len(collected.rows) if collected else 0
        if found < release.items:
            return Decision(
                "waiting", version, f"expected {release.items} vectors, found {found} so far"
            )
        return Decision("accepted", version, f"all {release.items} vectors are in")

    def _is_newer(self, release: Release) -> bool:
        return self._current is None or release.created_s > self._current.created_s

    def _touch(self, version: str) -> Collected:
        """The vectors of a version, now the one touched last; the version untouched for longest may
        go.
        """
        collected = self._collected.pop(version, None) or Collected()
        self._collected[version] = collected
        in_force = self._current.version if self._current else None
        while len(self._collected) > self._keep:
            del self._collected[next(v for v in self._collected if v not in (in_force, version))]
        return collected


def record_reasons(release: Release, found_sha256: str | None = None) -> list[str]:
    """Reasons against a release record by itself: one sentence each, empty when it stands up.

    A rollback is not held to the figures, since an operator asked for it; to everything else it is.
    """
    reasons = []
    if not 1 <= release.dim <= MAX_DIM:
        reasons.append(f"dim: expected 1 to {MAX_DIM}, found {release.dim}")
    if not 0 <= release.text_dim <= release.dim:
        reasons.append(f"text_dim: expected 0 to {release.dim}, found {release.text_dim}")
    if release.items < 1:
        reasons.append(f"items: expected at least 1, found {release.items}")
    if release.status not in STATUSES:
        reasons.append(f"status: expected one of {', '.join(STATUSES)}, found {release.status!r}")
    if len(release.sha256) != 64 or not set(release.sha256) <= set("0123456789abcdef"):
        reasons.append(f"sha256: expected 64 hex digits, found {release.sha256[:70]!r}")
    elif found_sha256 is not None and found_sha256 != release.sha256:
        reasons.append(
            f"sha256: the record says {release.sha256[:12]}..., the folder {release.artifact} "
            f"has {found_sha256[:12]}..."
        )
    if (
        not release.artifact
        or "/" in release.artifact
        or "\\" in release.artifact
        or release.artifact.startswith(".")
    ):
        reasons.append(f"artifact: expected the name of a folder, found {release.artifact!r}")
    if release.status != ROLLBACK:
        reasons += metric_reasons(release.metrics, release.baseline, release.gate)
    return reasons + mixture_reasons(release.catalogue, release.metrics)
