"""Quantisation: the network as an ONNX model with 8-bit weights, ready to serve on a CPU.

    W ~= s_n Q_n,  Q = round(W / s) in [-127, 127],  s_n = max_k |W_kn| / 127          one scale for
    each column n
    y  = (s_x s_n) (round(x / s_x) - z) Q_n + b                                        x: 8 bits,
    its range from the batch
    E_t ~= s_t Q_t                                                                     token
    vectors: one scale for each row,
                                                                                       with 4 bits
                                                                                       one for every
                                                                                       32 numbers of
                                                                                       it

Products of the layers run on 8-bit integers, which a CPU with VNNI does four times as fast as
float32. Norms, softmax, gelu, pooling and the projection are computed in float32: they cost little,
and rounding what is projected costs neighbours. The weights of the projection and of the positions
take 8 bits on disk only. With `bits=0` everything is float32. Token vectors of 4 bits take half the
room. The table is the largest part of a small encoder, and on films a whole vocabulary of 4 bits
keeps more neighbours than one of 8 bits without the tokens that no text has.

Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference. Zafrir et al. (2019), Q8BERT.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto
from torch import Tensor, nn

from encoder.compress.graph import Graph
from encoder.compress.quantized_rows import BLOCK, FloatArray, by_block, by_row
from encoder.compress.student import EPSILON, Layer, Student, load_model
from encoder.serving.artifact import TOKENIZER, WEIGHTS, Artifact, ArtifactConfig, load
from encoder.serving.artifact_writing import writing

BITS, TOKEN_BITS = (0, 8), (4, 8)


def quantize(
    artifact: Artifact, texts: Sequence[str], out: Path, bits: int = 8, token_bits: int = 4
) -> Artifact:
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
    token_bits
        4 or 8, of the token vectors; with `bits` 0 they too are float32.

    Raises
    ------
    ValueError
        another number of bits, 4 bits for token vectors of an odd width, or an artifact that is not
        a network.

    """
    if bits not in BITS or token_bits not in TOKEN_BITS:
        wanted = (
            f"bits among {', '.join(map(str, BITS))} and token_bits among "
            f"{', '.join(map(str, TOKEN_BITS))}"
        )
        msg = f"expected {wanted}, found {bits} and {token_bits}"
        raise ValueError(msg)
    model = load_model(artifact)
    with writing(
        out, ArtifactConfig("onnx", artifact.dim, artifact.config.max_tokens), artifact.card
    ) as folder:
        model.tokenizer.save(str(folder / TOKENIZER), pretty=False)
        (folder / WEIGHTS["onnx"]).write_bytes(to_onnx(model.student, bits, token_bits))
    return load(out)


def to_onnx(student: Student, bits: int, token_bits: int = 4) -> bytes:
    """The student as the bytes of an ONNX file; the same equations as in
    `encoder.compress.student`, in the same order.
    """
    graph = Graph()
    ids, mask = _padded(graph, student.shape.span)
    x = _first(graph, student, ids, bits, token_bits)  # (batch, tokens / join, hidden)
    weight = graph.node("Cast", mask, to=TensorProto.FLOAT)
    if student.shape.join > 1:
        # (batch, tokens / join), how many tokens stand in each
        weight = _added(graph, weight, student.shape.join)
    seen_by = _seen_by(graph, weight)
    # Sums and not means: all have the same factor, and the rows are normalised.
    sums = [_sum(graph, x, weight)]  # each (batch, 1, hidden)
    for layer in student.each_layer():
        if layer.shape.span > 1:
            x, weight = _merged(graph, x, weight, layer.shape.span, student.shape.hidden)
            seen_by = _seen_by(graph, weight)
        x = _layer(graph, layer, x, seen_by, bits)
        sums.append(_sum(graph, x, weight))
    # (batch, hidden x (layers + 1))
    pooled = graph.node("Squeeze", graph.node("Concat", *sums, axis=2), _axes(graph, 1))
    z = graph.node(
        "MatMul", pooled, _stored(graph, _array(student.project.weight), bits, turned=True)
    )
    unit = graph.node("LpNormalization", z, axis=1, p=2)
    return graph.model(["input_ids", "attention_mask"], unit, student.shape.dim)


def _seen_by(graph: Graph, weight: str) -> str:
    """Which token reads which, (batch, 1, tokens, tokens): every one all real ones."""
    real = graph.node("Greater", weight, graph.constant(np.array(0, np.float32)))  # (batch, tokens)
    # subtle: padding reads everything; what it makes of it is never used, and a row that reads
    # nothing would be no number at all.
    padding = graph.node("Unsqueeze", graph.node("Not", real), _axes(graph, 1, 3))
    return graph.node("Or", graph.node("Unsqueeze", real, _axes(graph, 1, 2)), padding)


def _padded(graph: Graph, span: int) -> tuple[str, str]:
    """Ids and mask, (batch, tokens) with a number of tokens that can be divided by `span`."""
    if span == 1:
        return "input_ids", "attention_mask"
    tokens = graph.node("Shape", "input_ids", start=1, end=2)
    lacking = graph.node(
        "Mod", graph.node("Neg", tokens), graph.constant(np.array([span], np.int64))
    )
    pads = graph.node("Concat", graph.constant(np.zeros(3, np.int64)), lacking, axis=0)
    return graph.node("Pad", "input_ids", pads), graph.node("Pad", "attention_mask", pads)


def _merged(graph: Graph, x: str, weight: str, span: int, hidden: int) -> tuple[str, str]:
    """Every `span` neighbours as one; see `encoder.compress.student.Stream`."""
    two, last = _axes(graph, 2), _axes(graph, -1)
    heavy = graph.node("Mul", x, graph.node("Unsqueeze", weight, last))
    apart = graph.node("Reshape", heavy, graph.constant(np.array([0, -1, span, hidden], np.int64)))
    sums = graph.node("ReduceSum", apart, two, keepdims=0)  # (batch, tokens / span, hidden)
    weight = _added(graph, weight, span)
    number = graph.node(
        "Unsqueeze", graph.node("Max", weight, graph.constant(np.array(1, np.float32))), last
    )
    return graph.node("Div", sums, number), weight


def _added(graph: Graph, weight: str, span: int) -> str:
    """Weights of every `span` neighbours in one sum, (batch, tokens / span)."""
    parts = graph.node("Reshape", weight, graph.constant(np.array([0, -1, span], np.int64)))
    return graph.node("ReduceSum", parts, _axes(graph, 2), keepdims=0)


def _sum(graph: Graph, x: str, weight: str) -> str:
    """Over the real tokens, (batch, 1, hidden)."""
    return graph.node("MatMul", graph.node("Unsqueeze", weight, _axes(graph, 1)), x)


def _axes(graph: Graph, *axes: int) -> str:
    return graph.constant(np.array(axes, np.int64))


def _first(graph: Graph, student: Student, ids: str, bits: int, token_bits: int) -> str:
    """What the first layer reads, (batch, tokens / join, hidden)."""
    shape = student.shape
    x = _token_vectors(graph, _array(student.tokens.weight), ids, bits and token_bits)
    if shape.join > 1:
        x = graph.node(
            "Reshape", x, graph.constant(np.array([0, -1, shape.join * shape.factor], np.int64))
        )
    if student.widen is not None:
        x = _linear(graph, x, student.widen, bits)
    after = shape.span // shape.join  # that layers make one
    # room for padding up to a whole span
    positions = np.pad(_array(student.positions), ((0, -len(student.positions) % after), (0, 0)))
    places = graph.node("Unsqueeze", _stored(graph, positions, bits), _axes(graph, 0))
    tokens = graph.node("Shape", x, start=1, end=2)
    x = graph.node("Add", x, graph.node("Slice", places, _axes(graph, 0), tokens, _axes(graph, 1)))
    norm = student.norm
    return graph.node(
        "LayerNormalization", x, *_constants(graph, norm.weight, norm.bias), epsilon=EPSILON
    )


def _token_vectors(graph: Graph, table: FloatArray, ids: str, bits: int) -> str:
    """Rows of the table (vocabulary, width) by `ids`, (batch, tokens, width)."""
    if bits == TOKEN_BITS[0]:
        packed, scales = by_block(table)
        wanted = graph.constant(packed), ids, graph.constant(scales)
        half = graph.node(
            "GatherBlockQuantized",
            *wanted,
            fused=True,
            gather_axis=0,
            quantize_axis=1,
            block_size=BLOCK,
            bits=bits,
        )
        return graph.node("Cast", half, to=TensorProto.FLOAT)
    if bits:
        rows, scale = by_row(table)
        whole = graph.node(
            "Cast", graph.node("Gather", graph.constant(rows), ids), to=TensorProto.FLOAT
        )
        return graph.node("Mul", whole, graph.node("Gather", graph.constant(scale), ids))
    return graph.node("Gather", graph.constant(table), ids)


def _stored(graph: Graph, table: FloatArray, bits: int, *, turned: bool = False) -> str:
    """A constant that takes 8 bits on disk and is float32 again once loaded; `turned` for its
    transpose.
    """
    if not bits:
        return graph.constant(table.T if turned else table)
    rows, scale = by_row(table)
    if turned:
        rows, scale = rows.T, scale.T
    return graph.node(
        "Mul", graph.node("Cast", graph.constant(rows), to=TensorProto.FLOAT), graph.constant(scale)
    )


def _layer(graph: Graph, layer: Layer, x: str, seen_by: str, bits: int) -> str:
    q, k, v = graph.nodes("Split", 3, _linear(graph, x, layer.qkv, bits), axis=-1, num_outputs=3)
    # Not MultiHeadAttention of `com.microsoft`: ONNX Runtime 1.32 takes up to twice as long for it
    # on a CPU.
    seen = graph.node(
        "Attention", q, k, v, seen_by, q_num_heads=layer.shape.heads, kv_num_heads=layer.shape.heads
    )
    a = _add_and_norm(graph, x, _linear(graph, seen, layer.out, bits), layer.norm_1)
    raised = graph.node("FastGelu", _linear(graph, a, layer.up, bits), fused=True)
    return _add_and_norm(graph, a, _linear(graph, raised, layer.down, bits), layer.norm_2)


def _add_and_norm(graph: Graph, x: str, change: str, norm: nn.LayerNorm) -> str:
    # Not SkipLayerNormalization: ONNX Runtime 1.32 takes five times as long for it on a CPU as for
    # the two by themselves.
    return graph.node(
        "LayerNormalization",
        graph.node("Add", x, change),
        *_constants(graph, norm.weight, norm.bias),
        epsilon=EPSILON,
    )


def _linear(graph: Graph, x: str, linear: nn.Linear, bits: int) -> str:
    weight = _array(linear.weight)  # (out, in)
    bias = _constants(graph, linear.bias) if linear.bias is not None else []
    if not bits:
        y = graph.node("MatMul", x, graph.constant(weight.T))
        return graph.node("Add", y, *bias) if bias else y
    rows, scale = by_row(weight)
    zero = graph.constant(np.zeros(len(rows), np.int8))
    scales = graph.constant(scale[:, 0])
    return graph.node(
        "DynamicQuantizeMatMul", x, graph.constant(rows.T), scales, zero, *bias, fused=True
    )


def _constants(graph: Graph, *values: Tensor) -> list[str]:
    return [graph.constant(_array(value)) for value in values]


def _array(value: Tensor) -> Any:
    return value.detach().cpu().float().numpy()
