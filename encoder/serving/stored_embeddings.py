"""The embeddings that a release carries on disk, so that it can be restored, rolled back to, and
checked.

embeddings.npy   (items, dim) float32, unit rows
ids.json         item ids, in the order of the rows
hashes.json      `text_hash` of each item's text, in the same order
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from encoder.serving.artifact import Artifact, ArtifactError

EMBEDDINGS, IDS, HASHES = "embeddings.npy", "ids.json", "hashes.json"
FloatArray = NDArray[np.float32]


class Stored(NamedTuple):
    """Ids, vectors (items, dim) float32 and text hashes of one release, row by row."""

    ids: Sequence[str]
    matrix: FloatArray
    hashes: Sequence[str]


def write_embeddings(folder: Path, stored: Stored) -> None:
    """Write the three files into a folder that `artifact.writing` is making."""
    for name in (EMBEDDINGS, IDS, HASHES):
        (folder / name).unlink(missing_ok=True)  # may be a link to another artifact's file
    np.save(folder / EMBEDDINGS, np.asarray(stored.matrix, np.float32))
    (folder / IDS).write_bytes(msgspec.json.encode(list(stored.ids)))
    (folder / HASHES).write_bytes(msgspec.json.encode(list(stored.hashes)))


def read_embeddings(artifact: Artifact) -> Stored:
    """Read them back.

    Raises
    ------
    ArtifactError
        If the artifact carries none, or the three files do not fit each other.

    """
    if missing := {EMBEDDINGS, IDS, HASHES} - artifact.files.keys():
        msg = (
            f"{artifact.path}: expected a release with embeddings, found no "
            f"{', '.join(sorted(missing))}; publish it first"
        )
        raise ArtifactError(msg)
    try:
        matrix = np.load(artifact.path / EMBEDDINGS, allow_pickle=False)  # (items, dim)
        ids = msgspec.json.decode((artifact.path / IDS).read_bytes(), type=list[str])
        hashes = msgspec.json.decode((artifact.path / HASHES).read_bytes(), type=list[str])
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        msg = f"{artifact.path}: expected embeddings that can be read, found {error}"
        raise ArtifactError(msg) from error
    if matrix.shape != (len(ids), artifact.dim) or len(hashes) != len(ids):
        msg = (
            f"{artifact.path}: expected {len(ids)} rows of dimension {artifact.dim}, found "
            f"{matrix.shape}, {len(hashes)} hashes"
        )
        raise ArtifactError(msg)
    return Stored(ids, matrix.astype(np.float32), hashes)
