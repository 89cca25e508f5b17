"""Wire types of the batch side: one embedding of one item, and the record that names a whole
release.

Both are JSON on Kafka. `item-embeddings` is compact and keyed by item: a vector of a later release
takes the place of the earlier one. `encoder-releases` is compact and keyed by version.

Layout of `ItemEmbedding.vector`: standard base64 (RFC 4648, with padding) of dim x 4 bytes, each a
little-endian IEEE 754 float32. JSON numbers would take twice the bytes and more time to read.
"""

import base64
import binascii
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# What a release record can say of itself. A reader lets a "rollback" pass where it is worse than
# what it replaces, because an operator asked for it; everything else is judged.
PUBLISHED = "published"
ROLLBACK = "rollback"
STATUSES = (PUBLISHED, ROLLBACK)

# Who made the vectors of a catalogue, as a release record says it: the encoder in the folder, or
# another one whose space it shares.
STUDENT = "student"


class WireError(ValueError):
    """A record on `item-embeddings` or `encoder-releases` that cannot be read; the message names
    field and value.
    """


class ItemEmbedding(msgspec.Struct, frozen=True):
    """The vector of one item under one release.

    Attributes
    ----------
    item_id
        the item, also the key of the record.
    version
        the release whose model made the vector.
    vector
        base64 of little-endian float32, a unit vector; see the module's docstring.
    text_hash
        `encoder.serving.text.text_hash` of the text that was embedded, so that a reader can tell
        whether it changed.

    """

    item_id: str
    version: str
    vector: str
    text_hash: str = ""


class Thresholds(msgspec.Struct, frozen=True):
    """What a release must reach. A metric named here and not measured is a failure, not a pass.

    Attributes
    ----------
    minimum
        Lowest value per metric.
    drop
        Largest loss per metric, as a share of what the release in force reaches on the same
        held-out set: 0.1 allows a tenth. Larger lets decay through; smaller than the noise of the
        held-out set holds good releases back.

    """

    minimum: dict[str, float] = {}
    drop: dict[str, float] = {}


class Release(msgspec.Struct, frozen=True):
    """One published encoder with the embeddings it made.

    Attributes
    ----------
    version
        name of the release, made from its content.
    dim
        length of its vectors.
    items
        embeddings that belong to it; a reader swaps when it has seen that many.
    artifact
        folder name under the directory of releases.
    sha256
        of the artifact's `manifest.json`, which holds the hash of every file.
    created_s
        seconds since the epoch; the newest acceptable release is the one in force.
    metrics
        what the evaluation measured.
    previous
        version in force before, None for the first.
    status
        one of `STATUSES`.
    baseline
        metrics of the release in force before, on the same held-out set; empty for the first.
    gate
        thresholds that it passed. Readers judge metrics, baseline and gate once more.
    catalogue
        who made its vectors: "student", the encoder in its folder; or "teacher", and the encoder in
        the folder is for items that change or come later.
    text_dim
        how many numbers of a vector, from the first, say what the text says; clicks made the others
        (`encoder.serving.blend`). 0: all say it.

    """

    version: str
    dim: int
    items: int
    artifact: str
    sha256: str
    created_s: float
    metrics: dict[str, float]
    previous: str | None = None
    status: str = PUBLISHED
    baseline: dict[str, float] = {}
    gate: Thresholds = Thresholds()
    catalogue: str = STUDENT
    text_dim: int = 0


T = TypeVar("T", ItemEmbedding, Release)


def encode_vector(vector: FloatArray) -> str:
    """Bytes of one vector, (dim,) -> base64 text."""
    return base64.b64encode(np.ascontiguousarray(vector, dtype="<f4").tobytes()).decode("ascii")


def decode_vector(text: str, dim: int | None = None) -> FloatArray:
    """The vector that `encode_vector` wrote.

    Parameters
    ----------
    text
        base64 of little-endian float32.
    dim
        expected length; None takes any.

    Returns
    -------
    (dim,) float32, finite.

    Raises
    ------
    WireError
        not base64, a length that does not fit, or a value that is not finite.

    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        msg = f"vector: expected base64 of float32 values, found {text[:24]!r} ({error})"
        raise WireError(msg) from error
    if not raw or len(raw) % 4:
        msg = f"vector: expected a positive multiple of 4 bytes, found {len(raw)} bytes"
        raise WireError(msg)
    vector = np.frombuffer(raw, dtype="<f4").astype(np.float32)  # (dim,)
    if dim is not None and len(vector) != dim:
        msg = f"vector: expected dimension {dim}, found {len(vector)}"
        raise WireError(msg)
    if not np.isfinite(vector).all():
        msg = (
            f"vector: expected finite values, found {int((~np.isfinite(vector)).sum())} that are "
            "NaN or infinite"
        )
        raise WireError(msg)
    return vector


def encode_record(record: ItemEmbedding | Release) -> bytes:
    """JSON of a record, as it goes on its topic."""
    return msgspec.json.encode(record)


def decode_embedding(value: bytes) -> ItemEmbedding:
    """Read a record of `item-embeddings`; raises `WireError`. The vector itself is checked by
    `decode_vector`.
    """
    return _decode(value, ItemEmbedding)


def decode_release(value: bytes) -> Release:
    """Read a record of `encoder-releases`; raises `WireError`. What it claims is judged by
    `encoder.serving.verify`.
    """
    return _decode(value, Release)


def _decode(value: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        msg = f"expected a JSON {kind.__name__}, found {value[:60]!r}: {error}"
        raise WireError(msg) from error
