"""Quantisation: the network as an ONNX model with 8-bit weights, ready to serve on a CPU.

    W ~= s_n Q_n,  Q = round(W / s) in [-127, 127],  s_n = max_k |W_kn| / 127          one scale for each column n
    y  = (s_x s_n) (round(x / s_x) - z) Q_n + b                                        x: 8 bits, its range from the batch
    E_t ~= s_t Q_t                                                                     token vectors: one scale for each row

Products of the layers run on 8-bit integers, which a CPU with VNNI does four times as fast as float32. Norms, softmax, gelu,
pooling and the projection are computed in float32: they cost little, and rounding what is projected costs neighbours. The
weights of the projection and of the positions take 8 bits on disk only. With `bits=0` everything is float32.

Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference. Zafrir
et al. (2019), Q8BERT.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor, nn

from encoder.artifact import TOKENIZER, WEIGHTS, Artifact, ArtifactConfig, load, writing
from encoder.compress.graph import Graph
from encoder.student import EPSILON, Layer, Student, load_model

FloatArray = NDArray[np.float32]
HIGHEST = 127
BITS = (0, 8)


def quantize(artifact: Artifact, texts: Sequence[str], out: Path, bits: int = 8) -> Artifact:
    """Write a `transformer` artifact as an `onnx` one.

    Parameters
    ----------
    artifact
        stays as it is.
    texts
        not used.
    out
        folder of the result.
    bits
        8, or 0 for float32.

    Raises
    ------
    ValueError
        another number of bits, or an artifact that is not a network.

    """
    if bits not in BITS:
        msg = f"expected bits among {', '.join(map(str, BITS))}, found {bits}"
        raise ValueError(msg)
    model = load_model(artifact)
    with writing(out, ArtifactConfig("onnx", artifact.dim, artifact.config.max_tokens), artifact.card) as folder:
        model.tokenizer.save(str(folder / TOKENIZER), pretty=False)
        (folder / WEIGHTS["onnx"]).write_bytes(to_onnx(model.student, bits))
    return load(out)


def to_onnx(student: Student, bits: int) -> bytes:
    """The student as the bytes of an ONNX file; the same equations as in `encoder.student`, in the same order."""
    graph = Graph()
    x = _token_vectors(graph, student, bits)  # (batch, tokens, hidden)
    mask = graph.node("Cast", "attention_mask", to=TensorProto.INT32)
    one = graph.constant(np.array([1], np.int64))
    weights = graph.node("Unsqueeze", graph.node("Cast", "attention_mask", to=TensorProto.FLOAT), one)  # (batch, 1, tokens)
    # Sums and not means: all have the same factor, and the rows are normalised.
    sums = [graph.node("MatMul", weights, x)]  # each (batch, 1, hidden)
    for layer in student.each_layer():
        x = _layer(graph, layer, x, mask, bits)
        sums.append(graph.node("MatMul", weights, x))
    pooled = graph.node("Squeeze", graph.node("Concat", *sums, axis=2), one)  # (batch, hidden x (layers + 1))
    z = graph.node("MatMul", pooled, _stored(graph, _array(student.project.weight), bits, turned=True))
    unit = graph.node("LpNormalization", z, axis=1, p=2)
    return graph.model(["input_ids", "attention_mask"], unit, student.shape.dim)


def by_row(table: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """8-bit rows and their scales: (n, width) -> (n, width) int8, (n, 1) float32."""
    scale = np.abs(table).max(1, keepdims=True) / HIGHEST
    scale[scale == 0] = 1.0
    return np.clip(np.round(table / scale), -HIGHEST, HIGHEST).astype(np.int8), scale.astype(np.float32)


def _token_vectors(graph: Graph, student: Student, bits: int) -> str:
    table = _array(student.tokens.weight)  # (vocabulary, factor or hidden)
    if bits:
        rows, scale = by_row(table)
        whole = graph.node("Cast", graph.node("Gather", graph.constant(rows), "input_ids"), to=TensorProto.FLOAT)
        x = graph.node("Mul", whole, graph.node("Gather", graph.constant(scale), "input_ids"))
    else:
        x = graph.node("Gather", graph.constant(table), "input_ids")
    if student.widen is not None:
        x = _linear(graph, x, student.widen, bits)
    places = graph.node("Unsqueeze", _stored(graph, _array(student.positions), bits), graph.constant(np.array([0], np.int64)))
    tokens = graph.node("Shape", "input_ids", start=1, end=2)
    zero, one = graph.constant(np.array([0], np.int64)), graph.constant(np.array([1], np.int64))
    x = graph.node("Add", x, graph.node("Slice", places, zero, tokens, one))
    norm = student.norm
    return graph.node("LayerNormalization", x, *_constants(graph, norm.weight, norm.bias), epsilon=EPSILON)


def _stored(graph: Graph, table: FloatArray, bits: int, *, turned: bool = False) -> str:
    """A constant that takes 8 bits on disk and is float32 again once loaded; `turned` for its transpose."""
    if not bits:
        return graph.constant(table.T if turned else table)
    rows, scale = by_row(table)
    if turned:
        rows, scale = rows.T, scale.T
    return graph.node("Mul", graph.node("Cast", graph.constant(rows), to=TensorProto.FLOAT), graph.constant(scale))


def _layer(graph: Graph, layer: Layer, x: str, mask: str, bits: int) -> str:
    q, k, v = graph.nodes("Split", 3, _linear(graph, x, layer.qkv, bits), axis=-1, num_outputs=3)
    seen = graph.node("MultiHeadAttention", q, k, v, "", mask, fused=True, num_heads=layer.shape.heads)
    a = _add_and_norm(graph, x, _linear(graph, seen, layer.out, bits), layer.norm_1)
    raised = graph.node("FastGelu", _linear(graph, a, layer.up, bits), fused=True)
    return _add_and_norm(graph, a, _linear(graph, raised, layer.down, bits), layer.norm_2)


def _add_and_norm(graph: Graph, x: str, change: str, norm: nn.LayerNorm) -> str:
    # Not SkipLayerNormalization: ONNX Runtime 1.32 takes five times as long for it on a CPU as for the two by themselves.
    return graph.node("LayerNormalization", graph.node("Add", x, change), *_constants(graph, norm.weight, norm.bias), epsilon=EPSILON)


def _linear(graph: Graph, x: str, linear: nn.Linear, bits: int) -> str:
    weight = _array(linear.weight)  # (out, in)
    bias = _constants(graph, linear.bias) if linear.bias is not None else []
    if not bits:
        y = graph.node("MatMul", x, graph.constant(weight.T))
        return graph.node("Add", y, *bias) if bias else y
    rows, scale = by_row(weight)
    zero = graph.constant(np.zeros(len(rows), np.int8))
    scales = graph.constant(scale[:, 0])
    return graph.node("DynamicQuantizeMatMul", x, graph.constant(rows.T), scales, zero, *bias, fused=True)


def _constants(graph: Graph, *values: Tensor) -> list[str]:
    return [graph.constant(_array(value)) for value in values]


def _array(value: Tensor) -> Any:
    return value.detach().cpu().float().numpy()
