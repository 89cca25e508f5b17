"""An encoder on disk: a folder that knows whether it is complete and carries its own figures.

    config.json      what it is: kind, dimension, longest input (`ArtifactConfig`)
    tokenizer.json   the tokenizer, in the format of the `tokenizers` package
    weights          static: table.npy [scale.npy] [positions.npy] [projection.npy]; onnx:
                     model.onnx; transformer: model.safetensors
    centre.npy       with clicks.npy, where clicks have a part in the vectors
                     (`encoder.serving.blend`)
    card.json        how it was made and what was measured (`Card`)
    embeddings.npy   in a release only: (items, dim) float32, rows in the order of ids.json;
                     hashes.json for the texts
    manifest.json    version, and size and SHA-256 of every other file; written last

A `static` artifact is a table of token vectors: row t stands for token t, and the vector of a text
is the normalised sum of its rows. table.npy is (tokens, r) of int8, float16 or float32; scale.npy
(tokens,) float32 multiplies the rows (required for int8; also where the weight of a token goes);
positions.npy (places,) float32 multiplies the rows by their place in the text (the last value
counts for all places after it): the first words of an item say most, and a teacher with positions
knows it; projection.npy (r, dim) float32 comes after the sum. An `onnx` artifact has the int64
inputs `input_ids` and `attention_mask` (batch, tokens) and as first output one row per text (batch,
dim). A `transformer` artifact is for training and compression; nothing that serves reads it. Other
files may lie beside these; all are hashed.

A folder appears whole or not at all: files are written beside the target, synchronised to disk, and
renamed. The version is made from the content (card apart): the same encoder has the same name
wherever and however often it is made.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from encoder.serving.wire import (
    PUBLISHED,
    ROLLBACK,
    ItemEmbedding,
    Release,
    Thresholds,
    WireError,
    decode_embedding,
    decode_release,
    decode_vector,
    encode_record,
    encode_vector,
)

__all__ = [
    "PUBLISHED",
    "ROLLBACK",
    "WEIGHTS",
    "Artifact",
    "ArtifactConfig",
    "ArtifactError",
    "Card",
    "ItemEmbedding",
    "Release",
    "Thresholds",
    "WireError",
    "decode_embedding",
    "decode_release",
    "decode_vector",
    "encode_record",
    "encode_vector",
    "load",
]

FORMAT = 1  # of the folder; a reader refuses any other
MANIFEST, CONFIG, CARD, TOKENIZER = "manifest.json", "config.json", "card.json", "tokenizer.json"
CENTRE, CLICKS = "centre.npy", "clicks.npy"
WEIGHTS = {"static": "table.npy", "onnx": "model.onnx", "transformer": "model.safetensors"}

S = TypeVar("S", bound=msgspec.Struct)


class ArtifactError(ValueError):
    """A folder that is not a complete encoder; the message says what is wrong with which file."""


class ArtifactConfig(msgspec.Struct, frozen=True):
    """What an encoder is. `max_tokens`: longer inputs are cut there. `options`: whatever a kind
    needs besides.
    """

    kind: str
    dim: int
    max_tokens: int = 128
    format: int = FORMAT
    options: dict[str, Any] = {}


class Card(msgspec.Struct, frozen=True):
    """What is known of an encoder: the figures, one report per step that made it, and where it came
    from.
    """

    metrics: dict[str, float] = {}
    steps: list[dict[str, Any]] = []
    teacher: str = ""
    parent: str = ""
    notes: dict[str, Any] = {}


class _File(msgspec.Struct, frozen=True):
    sha256: str
    bytes: int


class _Manifest(msgspec.Struct, frozen=True):
    version: str
    kind: str
    dim: int
    files: dict[str, _File]
    format: int = FORMAT


@dataclass(frozen=True)
class Artifact:
    """A loaded description of the folder at `path`; the weights stay on disk.

    `sha256` is the hash of manifest.json, and so of everything: a release record names it.
    """

    path: Path
    version: str
    config: ArtifactConfig
    card: Card
    sha256: str
    files: dict[str, _File]

    @property
    def kind(self) -> str:
        """`static`, `onnx` or `transformer`."""
        return self.config.kind

    @property
    def dim(self) -> int:
        """Length of the vectors it makes."""
        return self.config.dim

    @property
    def text_dim(self) -> int:
        """How many of them, from the first, say what the text says; the others say what it says
        about clicks (`encoder.serving.blend`).
        """
        return int(self.config.options.get("text_dim", self.dim))

    @property
    def model_bytes(self) -> int:
        """Bytes that serving needs: weights and tokenizer, without card and stored embeddings."""
        apart = {CARD, CONFIG, "embeddings.npy", "ids.json", "hashes.json"}
        return sum(file.bytes for name, file in self.files.items() if name not in apart)

    @property
    def fingerprint(self) -> str:
        """A name for what it says of texts alone: equal where weights, tokenizer and longest input
        are, whatever else the folder holds.
        """
        apart = {CARD, CONFIG, "embeddings.npy", "ids.json", "hashes.json", CENTRE, CLICKS}
        parts = sorted((name, f.sha256) for name, f in self.files.items() if name not in apart)
        return hashlib.sha256(f"{self.config.max_tokens} {parts}".encode()).hexdigest()[:16]

    def problems(self) -> list[str]:
        """Read every file and say, one sentence each, what differs from the manifest; empty when
        complete.
        """
        found = []
        for name, file in sorted(self.files.items()):
            where = self.path / name
            if not where.is_file():
                found.append(f"{where}: expected a file of {file.bytes} bytes, found none")
            elif where.stat().st_size != file.bytes:
                found.append(f"{where}: expected {file.bytes} bytes, found {where.stat().st_size}")
            elif (sha256 := _sha256(where)) != file.sha256:
                found.append(
                    f"{where}: expected SHA-256 {file.sha256[:12]}..., found {sha256[:12]}..."
                )
        return found

    def is_complete(self) -> bool:
        """Whether every file is there and has the bytes that the manifest names."""
        return not self.problems()


def load(path: Path, sha256: str | None = None) -> Artifact:
    """Open an artifact and check every byte of it.

    Parameters
    ----------
    path
        the folder.
    sha256
        expected hash of its manifest, as a release record names it; None takes any.

    Raises
    ------
    ArtifactError
        no manifest, another format, a file missing or changed, or not the hash expected.

    """
    manifest_file = path / MANIFEST
    if not manifest_file.is_file():
        msg = (
            f"{path}: expected an encoder artifact, found no {MANIFEST}; make one with "
            "`slatestream encoder train`"
        )
        raise ArtifactError(msg)
    manifest = _read(manifest_file, _Manifest)
    if manifest.format != FORMAT:
        msg = (
            f"{manifest_file}: expected format {FORMAT}, found {manifest.format}; use the "
            "slatestream that wrote it"
        )
        raise ArtifactError(msg)
    found = _sha256(manifest_file)
    if sha256 is not None and found != sha256:
        msg = (
            f"{manifest_file}: expected SHA-256 {sha256[:12]}..., found {found[:12]}...: not the "
            "release that was named"
        )
        raise ArtifactError(msg)
    config = _read(path / CONFIG, ArtifactConfig)
    if config.kind not in WEIGHTS:
        msg = f"{path / CONFIG}: expected a kind among {', '.join(WEIGHTS)}, found {config.kind!r}"
        raise ArtifactError(msg)
    missing = {WEIGHTS[config.kind], TOKENIZER, CONFIG} - manifest.files.keys()
    if missing or config.dim != manifest.dim or config.dim < 1:
        found_dim = f"found {config.dim}, missing {sorted(missing)}"
        msg = f"{path}: expected a {config.kind} artifact of dimension {manifest.dim}, {found_dim}"
        raise ArtifactError(msg)
    artifact = Artifact(
        path, manifest.version, config, _read(path / CARD, Card), found, manifest.files
    )
    if problems := artifact.problems():
        msg = f"incomplete artifact: {problems[0]}" + (
            f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        )
        raise ArtifactError(msg)
    return artifact


def _read(path: Path, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        msg = f"{path}: expected JSON of a {kind.__name__.lstrip('_')}, found {error}"
        raise ArtifactError(msg) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
