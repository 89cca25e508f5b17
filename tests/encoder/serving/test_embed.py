"""Embedding by hand-made encoders whose answers fit on paper, and what is said of broken ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from encoder.serving.artifact import Artifact, ArtifactConfig, ArtifactError, Card, load
from encoder.serving.artifact_writing import writing
from encoder.serving.embed import Embedder
from tests.encoder.making import WORDS, static_artifact, tokenizer_of

TEXTS = st.lists(
    st.lists(st.sampled_from([*WORDS, "unheard"]), max_size=9).map(" ".join), max_size=12
)


def static(
    out: Path,
    files: dict[str, np.ndarray],
    dim: int = 2,
    words: tuple[str, ...] = ("a", "b"),
    max_tokens: int = 8,
) -> Artifact:
    """A static artifact of the given arrays; tokens are [PAD] [UNK] and the words."""
    with writing(out, ArtifactConfig("static", dim, max_tokens=max_tokens), Card()) as folder:
        tokenizer_of(words).save(str(folder / "tokenizer.json"))
        for name, array in files.items():
            np.save(folder / name, array)
    return load(out)


def onnx_artifact(
    out: Path, table: np.ndarray, dim: int | None = None, input_name: str = "input_ids"
) -> Artifact:
    """Mean over the unmasked rows of a table, as an ONNX model: what a transformer looks like from
    outside.
    """
    nodes = [
        helper.make_node("Gather", ["table", input_name], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["rows", "wide"], ["seen"]),
        helper.make_node("ReduceSum", ["seen", "one"], ["embedding"], keepdims=0),
    ]
    shape = ["batch", "tokens"]
    graph = helper.make_graph(
        nodes,
        "mean",
        [
            helper.make_tensor_value_info(n, TensorProto.INT64, shape)
            for n in (input_name, "attention_mask")
        ],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", None])],
        [
            helper.make_tensor(
                "table", TensorProto.FLOAT, table.shape, table.astype(np.float32).ravel()
            ),
            helper.make_tensor("last", TensorProto.INT64, [1], [2]),
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        ],
    )
    with writing(
        out, ArtifactConfig("onnx", dim or table.shape[1], max_tokens=16), Card()
    ) as folder:
        tokenizer_of().save(str(folder / "tokenizer.json"))
        onnx.save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
            str(folder / "model.onnx"),
        )
    return load(out)


def test_static_vector_is_the_normalised_sum_of_its_scaled_rows(tmp_path: Path) -> None:
    """Rows a = 127 * (3/127) * (1, 0) = (3, 0), b = 2 * (0, 2) = (0, 4); a + b = (3,
    4), length 5.
    """
    table = np.array([[0, 0], [0, 0], [127, 0], [0, 2]], np.int8)
    scale = np.array([1, 1, 3 / 127, 2], np.float32)
    embedder = Embedder(static(tmp_path / "a", {"table.npy": table, "scale.npy": scale}))
    np.testing.assert_allclose(
        embedder.embed(["a b", "B", "a, a"]), [[0.6, 0.8], [0, 1], [1, 0]], atol=1e-6
    )


def test_projection_comes_after_the_sum(tmp_path: Path) -> None:
    """a = 1 and b = 2 in one dimension; the projection (3, 4) / 5 keeps the direction: every known
    text is (0.6, 0.8).
    """
    files = {
        "table.npy": np.array([[0], [0], [1], [2]], np.float16),
        "projection.npy": np.array([[3, 4]], np.float32),
    }
    embedder = Embedder(static(tmp_path / "a", files))
    np.testing.assert_allclose(embedder.embed(["a", "b a"]), [[0.6, 0.8]] * 2, atol=1e-3)


def test_words_count_by_their_place_and_the_last_weight_counts_on(tmp_path: Path) -> None:
    """a b b = 6 (1, 0) + 4 (0, 1) + 4 (0, 1) = (6, 8), length 10; b a a = 6 (0, 1) + 4 (1, 0) + 4
    (1, 0) = (8, 6).
    """
    table = np.array([[0, 0], [0, 0], [1, 0], [0, 1]], np.float32)
    embedder = Embedder(
        static(tmp_path / "a", {"table.npy": table, "positions.npy": np.array([6, 4], np.float32)})
    )
    np.testing.assert_allclose(
        embedder.embed(["a b b", "", "b a a"])[::2], [[0.6, 0.8], [0.8, 0.6]], atol=1e-6
    )


def test_text_without_a_known_word_still_has_a_unit_vector(tmp_path: Path) -> None:
    embedder = Embedder(static_artifact(tmp_path / "a"))
    rows = embedder.embed(["", "red", "unheard of"])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(rows[0], rows[2])
    assert embedder.embed([]).shape == (0, 8)


def test_long_text_is_cut(tmp_path: Path) -> None:
    table = np.array([[0, 0], [0, 0], [1, 0], [0, 1]], np.float32)
    embedder = Embedder(static(tmp_path / "a", {"table.npy": table}, max_tokens=2))
    np.testing.assert_allclose(embedder.embed(["a a b b b b"]), [[1, 0]])


@pytest.fixture(scope="module")
def embedders(tmp_path_factory: pytest.TempPathFactory) -> list[Embedder]:
    folder = tmp_path_factory.mktemp("artifacts")
    table = np.random.default_rng(3).normal(size=(len(WORDS) + 2, 8))
    return [
        Embedder(static_artifact(folder / "static")),
        Embedder(onnx_artifact(folder / "onnx", table)),
    ]


@settings(max_examples=30)
@given(TEXTS)
def test_one_batch_equals_many_of_one(embedders: list[Embedder], texts: list[str]) -> None:
    for embedder in embedders:
        together = embedder.embed(texts)
        assert together.shape == (len(texts), 8)
        assert together.dtype == np.float32
        for text, row in zip(texts, together, strict=True):
            np.testing.assert_allclose(embedder.embed([text])[0], row, atol=1e-6)


def test_more_texts_than_a_batch_keep_their_order(embedders: list[Embedder]) -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(1_300)]
    for embedder in embedders:
        rows = embedder.embed(texts)
        for i in (0, 63, 64, 511, 512, 1_299):
            np.testing.assert_allclose(embedder.embed([texts[i]])[0], rows[i], atol=1e-6)


def test_more_threads_give_the_same_rows(tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "a")
    texts = [f"{a} {b}" for a in WORDS for b in WORDS]
    np.testing.assert_array_equal(
        Embedder(artifact, threads=2).embed(texts), Embedder(artifact).embed(texts)
    )


def test_onnx_padding_is_masked(tmp_path: Path) -> None:
    """With [PAD] = (100, 100) a padded token that counted would turn every short text's vector to
    the diagonal.
    """
    table = np.zeros((len(WORDS) + 2, 2))
    table[0], table[2], table[3] = (100, 100), (1, 0), (0, 1)
    embedder = Embedder(onnx_artifact(tmp_path / "a", table))
    np.testing.assert_allclose(embedder.embed(["red", "blue blue blue blue"]), [[1, 0], [0, 1]])


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"table.npy": np.zeros((4, 3), np.float32)}, r"expected a table \(tokens, 2\)"),
        ({"table.npy": np.zeros((4, 2), np.int8)}, "with a scale for each token"),
        (
            {"table.npy": np.zeros((4, 2), np.float32), "scale.npy": np.ones(3, np.float32)},
            "with a scale for each token",
        ),
        (
            {"table.npy": np.zeros((4, 2), np.float32), "positions.npy": np.ones((0,), np.float32)},
            "expected one weight per place",
        ),
        ({"table.npy": np.zeros((3, 2), np.float32)}, "found token 3 and 3 rows"),
        ({"table.npy": np.full((4, 2), np.nan, np.float32)}, "found values that are not finite"),
    ],
)
def test_static_arrays_that_do_not_fit_are_refused_at_once(
    tmp_path: Path, files: dict[str, np.ndarray], said: str
) -> None:
    artifact = static(tmp_path / "a", files, words=("probe", "a"))
    with pytest.raises(ArtifactError, match=said):
        Embedder(artifact)


def test_onnx_model_of_another_dimension_is_refused_at_once(tmp_path: Path) -> None:
    artifact = onnx_artifact(tmp_path / "a", np.ones((len(WORDS) + 2, 3)), dim=4)
    with pytest.raises(
        ArtifactError, match=r"expected finite rows of shape \(2, 4\), found shape \(2, 3\)"
    ):
        Embedder(artifact)


def test_onnx_model_of_other_inputs_is_refused_at_once(tmp_path: Path) -> None:
    artifact = onnx_artifact(tmp_path / "a", np.ones((len(WORDS) + 2, 3)), input_name="words")
    with pytest.raises(
        ArtifactError,
        match="expected the inputs input_ids and attention_mask, found attention_mask, words",
    ):
        Embedder(artifact)


@pytest.mark.parametrize(
    ("name", "said"),
    [("model.onnx", "expected an ONNX model"), ("tokenizer.json", "expected a tokenizer")],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, said: str) -> None:
    with writing(tmp_path / "a", ArtifactConfig("onnx", 2), Card()) as folder:
        tokenizer_of().save(str(folder / "tokenizer.json"))
        (folder / "model.onnx").write_bytes(b"no model")
        (folder / name).write_bytes(b"no model")
    with pytest.raises(ArtifactError, match=said):
        Embedder(load(tmp_path / "a"))


def test_table_that_is_no_array_is_named(tmp_path: Path) -> None:
    with writing(tmp_path / "a", ArtifactConfig("static", 2), Card()) as folder:
        tokenizer_of().save(str(folder / "tokenizer.json"))
        (folder / "table.npy").write_bytes(b"no array")
    with pytest.raises(ArtifactError, match=r"table\.npy: expected a NumPy array"):
        Embedder(load(tmp_path / "a"))


def test_training_artifact_does_not_serve(tmp_path: Path) -> None:
    with writing(tmp_path / "a", ArtifactConfig("transformer", 2), Card()) as folder:
        tokenizer_of().save(str(folder / "tokenizer.json"))
        (folder / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(
        ArtifactError,
        match=r"expected an artifact that serves \(static, onnx\), found kind 'transformer'",
    ):
        Embedder(load(tmp_path / "a"))


def test_worker_side_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, encoder.serving.artifact, encoder.serving.embed, encoder.serving.verify, "
        "encoder.serving.stored_embeddings, encoder.serving.gate\n"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'safetensors', 'confluent_kafka'} & "
        "set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
