"""Texts to unit vectors, with nothing but NumPy, `tokenizers` and ONNX Runtime: what a worker
loads.

    static     v = P' sum_j w_j s_t E_t       token t at place j; E, s, w, P: table, scale,
                                              positions, projection
    onnx       v = model(tokens)              pooled and projected inside the model
    both       embed(text) = v / |v|, and beside it what that says about clicks
                                      (`encoder.serving.blend`), where the artifact has it

The rows do not depend on the order of the texts. Those of an int8 ONNX model can differ in the last
digits with the texts they are batched with, because dynamic quantisation takes its range from the
batch; a text alone or among others stays the same item to within that noise.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from encoder.serving.artifact import TOKENIZER, WEIGHTS, Artifact, ArtifactError
from encoder.serving.blend import TINY, read_blend
from encoder.serving.text import item_text, text_hash

__all__ = ["Embedder", "item_text", "text_hash"]

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Forward = Callable[[list[list[int]]], FloatArray]

# Texts at a time. A few make matrices that are high enough; with more, what a layer writes no
# longer fits into a core's cache (64 take up to twice as long as 4).
ONNX_BATCH = 4
STATIC_BATCH = 512


class Embedder:
    """The encoder of one artifact, ready to embed.

    Not bound to a thread; several may call it at once.

    Parameters
    ----------
    artifact
        A complete `static` or `onnx` artifact.
    threads
        For the matrix products of ONNX Runtime and for the tokenizer. 1 keeps off the cores that
        the stream uses.

    Raises
    ------
    ArtifactError
        If a file cannot be read as what it should be, or the model does not make finite vectors of
        the dimension that the artifact promises.

    """

    def __init__(self, artifact: Artifact, threads: int = 1) -> None:
        makers: dict[str, Callable[[Artifact, int], Forward]] = {"static": _static, "onnx": _onnx}
        if artifact.kind not in makers:
            msg = (
                f"{artifact.path}: expected an artifact that serves ({', '.join(makers)}), found "
                f"kind {artifact.kind!r}; "
                "run `slatestream encoder compress` on it"
            )
            raise ArtifactError(msg)
        self.artifact = artifact
        self.dim = artifact.dim
        self.text_dim = artifact.text_dim
        self._blend = read_blend(artifact)
        self._threads = threads
        self._tokenizer = _tokenizer(artifact)
        # a transformer was trained with its frame tokens, a table has no use for them
        self._special = artifact.kind == "onnx"
        self._forward = makers[artifact.kind](artifact, threads)
        self._probe()

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Embed texts.

        Parameters
        ----------
        texts
            Any number, in any order; long ones are cut at the artifact's `max_tokens`.

        Returns
        -------
        (n, dim) float32, unit rows. A text in which the encoder knows nothing at all (no token, or
        a sum of zero) gets the same row as every other such text.

        """
        vectors = self.embed_texts(texts)
        return vectors if self._blend is None else self._blend.of_texts(vectors)

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """What the model itself says, (n, text_dim) float32, unit rows; nothing about clicks."""
        tokens = self._tokens(texts)
        vectors = np.zeros((len(texts), self.text_dim), np.float32)  # (n, text_dim)
        size = STATIC_BATCH if self.artifact.kind == "static" else ONNX_BATCH
        # Texts of like length together, so that little is padded.
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        for start in range(0, len(texts), size):
            rows = order[start : start + size]
            vectors[rows] = self._forward([tokens[row] for row in rows])
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)  # (n, 1)
        vectors[norms[:, 0] < TINY] = 1.0 / np.sqrt(self.text_dim)
        return np.divide(vectors, norms, out=vectors, where=norms >= TINY)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids per text. One thread means one: the batch call of `tokenizers` would use every
        core.
        """
        if self._threads > 1:
            encoded = self._tokenizer.encode_batch_fast(
                list(texts), add_special_tokens=self._special
            )
            return [encoding.ids for encoding in encoded]
        one = self._tokenizer.encode_batch_fast
        return [one([text], add_special_tokens=self._special)[0].ids for text in texts]

    def _probe(self) -> None:
        """Embed two texts of unlike length, so that a broken model is found when it is loaded and
        not in the stream.
        """
        texts = ["probe", "a probe of some more words, 123"]
        try:
            rows = self._forward([ids or [0] for ids in self._tokens(texts)])
        except Exception as error:  # ONNX Runtime raises classes of its own without a common base
            msg = (
                f"{self.artifact.path}: expected a {self.artifact.kind} model that runs, found "
                f"{error}"
            )
            raise ArtifactError(msg) from error
        if rows.shape != (len(texts), self.text_dim) or not np.isfinite(rows).all():
            wrong = (
                "values that are not finite"
                if rows.shape == (len(texts), self.text_dim)
                else f"shape {rows.shape}"
            )
            msg = (
                f"{self.artifact.path}: expected finite rows of shape "
                f"{(len(texts), self.text_dim)}, found {wrong}"
            )
            raise ArtifactError(msg)


def _tokenizer(artifact: Artifact) -> Tokenizer:
    path = artifact.path / TOKENIZER
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises plain Exception
        msg = f"{path}: expected a tokenizer, found {error}"
        raise ArtifactError(msg) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(artifact.config.max_tokens)
    return tokenizer


def _static(artifact: Artifact, threads: int) -> Forward:
    """The sum of token vectors as a function of token ids; `threads` is of no use here."""
    table = _array(artifact, WEIGHTS["static"])  # (tokens, r)
    scale = _array(artifact, "scale.npy") if "scale.npy" in artifact.files else None  # (tokens,)
    # (r, dim)
    project = _array(artifact, "projection.npy") if "projection.npy" in artifact.files else None
    # (places,)
    places = _array(artifact, "positions.npy") if "positions.npy" in artifact.files else None
    width = artifact.text_dim if project is None else project.shape[0]
    shapes_fit = (
        table.ndim == 2
        and table.shape[1] == width
        and (scale is None or scale.shape == table.shape[:1])
    )
    if places is not None and (places.ndim != 1 or not len(places)):
        msg = (
            f"{artifact.path}: expected one weight per place, found positions of shape "
            f"{places.shape}"
        )
        raise ArtifactError(msg)
    if not shapes_fit or (scale is None and table.dtype == np.int8):
        found = f"{table.dtype} {table.shape}, scale {None if scale is None else scale.shape}"
        msg = (
            f"{artifact.path}: expected a table (tokens, {width}) with a scale for each token, "
            f"found {found}"
        )
        raise ArtifactError(msg)
    highest = max(_tokenizer(artifact).get_vocab().values(), default=-1)
    if highest >= len(table):
        msg = (
            f"{artifact.path}: expected a row for each token, found token {highest} and "
            f"{len(table)} rows"
        )
        raise ArtifactError(msg)

    def forward(batch: list[list[int]]) -> FloatArray:
        lengths = np.array([len(ids) for ids in batch])  # (n,)
        sums = np.zeros((len(batch), width), np.float32)  # (n, r)
        # (all tokens,)
        flat = np.fromiter((t for ids in batch for t in ids), np.int64, int(lengths.sum()))
        if not len(flat):
            return sums if project is None else sums @ project
        rows = table[flat].astype(np.float32)  # (all tokens, r)
        if scale is not None:
            rows *= scale[flat, None]
        starts = np.cumsum(lengths) - lengths  # (n,)
        if places is not None:
            place = np.arange(len(flat)) - np.repeat(starts, lengths)  # (all tokens,)
            rows *= places[np.minimum(place, len(places) - 1), None]
        # subtle: reduceat gives an empty segment its neighbour's first row, so only texts with
        # tokens take part.
        filled = lengths > 0
        sums[filled] = np.add.reduceat(rows, starts[filled], axis=0)
        return sums if project is None else sums @ project

    return forward


def _array(artifact: Artifact, name: str) -> NDArray[Any]:
    try:
        return np.load(artifact.path / name, allow_pickle=False)
    except (OSError, ValueError) as error:
        msg = f"{artifact.path / name}: expected a NumPy array, found {error}"
        raise ArtifactError(msg) from error


def _onnx(artifact: Artifact, threads: int) -> Forward:
    """The ONNX model as a function of token ids."""
    import onnxruntime  # 0.3 s and 40 MB that a static artifact need not pay

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    path = artifact.path / WEIGHTS["onnx"]
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # classes of its own without a common base
        msg = f"{path}: expected an ONNX model, found {error}"
        raise ArtifactError(msg) from error
    names = {node.name for node in session.get_inputs()}
    if not {"input_ids", "attention_mask"} <= names:
        msg = (
            f"{path}: expected the inputs input_ids and attention_mask, found "
            f"{', '.join(sorted(names))}"
        )
        raise ArtifactError(msg)

    def forward(batch: list[list[int]]) -> FloatArray:
        longest = max(1, *(len(ids) for ids in batch))
        tokens = np.zeros((len(batch), longest), np.int64)  # (n, longest), padded with 0
        mask = np.zeros_like(tokens)  # (n, longest)
        for row, ids in enumerate(batch):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        feed = {
            "input_ids": tokens,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(tokens),
        }
        output = session.run(None, {name: value for name, value in feed.items() if name in names})[
            0
        ]
        return np.asarray(output, np.float32)  # (n, dim)

    return forward
