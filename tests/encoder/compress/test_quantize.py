"""The ONNX model says what the network says: exactly in float32, nearly in 8 bits, and however it
is batched.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encoder.compress.factorize import factorize
from encoder.compress.merge import merge
from encoder.compress.project import unit_vectors
from encoder.compress.prune import prune
from encoder.compress.quantize import quantize, to_onnx
from encoder.compress.quantized_rows import by_block, by_row
from encoder.compress.student import save_model
from encoder.corpus.teacher import padded
from encoder.serving.artifact import Card
from encoder.serving.embed import Embedder
from tests.encoder.tiny import corpus

TEXTS = corpus(40).texts


def run(model, bits, texts=TEXTS, token_bits=8):
    session = onnxruntime.InferenceSession(
        to_onnx(model.student, bits, token_bits), providers=["CPUExecutionProvider"]
    )
    ids, mask = padded([encoding.ids for encoding in model.tokenizer.encode_batch(list(texts))])
    return session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]


VARIANTS = {
    "whole": lambda model: model,
    "pruned": lambda model: prune(model, TEXTS, 2, 24),
    "narrow": lambda model: factorize(model, TEXTS, 8),
    "merged": lambda model: merge(model, TEXTS, 1),
    "merged twice": lambda model: merge(merge(model, TEXTS, 1), TEXTS, 2, 3),
    "joined": lambda model: merge(model, TEXTS, 0),
    "narrow, joined by three and merged": lambda model: merge(
        merge(factorize(model, TEXTS, 8), TEXTS, 0, 3), TEXTS, 1
    ),
}


@pytest.fixture(params=VARIANTS)
def variant(request, model):
    """Each shape that a graph can have; maps of joined tokens as if training had moved
    them apart.
    """
    made = VARIANTS[request.param](model)
    if made.student.shape.join > 1:
        noise = torch.randn(
            made.student.widen.weight.shape, generator=torch.Generator().manual_seed(0)
        )
        made.student.widen.weight.data += noise * made.student.widen.weight.std()
    return made


def test_float32_is_the_network(variant):
    np.testing.assert_allclose(run(variant, 0), unit_vectors(variant, TEXTS).numpy(), atol=1e-5)


def test_8_bits_are_near(variant):
    assert (run(variant, 8) * unit_vectors(variant, TEXTS).numpy()).sum(1).min() > 0.98


def test_token_vectors_of_4_bits_are_near(variant):
    assert (run(variant, 8, token_bits=4) * unit_vectors(variant, TEXTS).numpy()).sum(
        1
    ).min() > 0.96


def test_4_bits_of_an_odd_width_are_refused():
    with pytest.raises(ValueError, match="even width, found 3"):
        by_block(np.ones((2, 3), np.float32))


def test_padding_and_company_change_nothing_in_float32(variant):
    together = run(variant, 0)
    alone = np.concatenate([run(variant, 0, [text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_artifact_serves(model, tmp_path):
    artifact = save_model(model, tmp_path / "a", Card())
    made = quantize(artifact, (), tmp_path / "b")
    rows = Embedder(made).embed(TEXTS)
    assert (rows * unit_vectors(model, TEXTS).numpy()).sum(1).min() > 0.98
    assert made.model_bytes < artifact.model_bytes / 2


@pytest.mark.parametrize("bits", [1, 16])
def test_other_bits_are_refused(model, tmp_path, bits):
    artifact = save_model(model, tmp_path / "a", Card())
    with pytest.raises(ValueError, match="among 0, 8"):
        quantize(artifact, (), tmp_path / "b", bits)
    with pytest.raises(ValueError, match="among 4, 8"):
        quantize(artifact, (), tmp_path / "b", token_bits=bits)


@given(
    st.lists(
        st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3), min_size=1, max_size=6
    )
)
def test_rows_are_right_to_half_a_step(rows):
    table = np.array(rows, np.float32)
    whole, scale = by_row(table)
    assert whole.dtype == np.int8
    assert (np.abs(whole * scale - table) <= scale / 2 * (1 + 1e-3) + 1e-30).all()


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=40, max_size=40))
def test_blocks_of_4_bits_are_no_worse_than_with_the_scale_of_their_largest_number(row):
    table = np.array([row], np.float32)
    packed, scales = by_block(table)
    assert packed.shape == (1, 20)
    assert scales.shape == (1, 2)
    numbers = np.stack([packed & 15, packed >> 4], 2).reshape(1, 40).astype(np.float32) - 8
    scale = np.repeat(scales.astype(np.float32), 32, 1)[:, :40]
    for block in (slice(32), slice(32, 40)):
        own = table[0, block]
        step = np.float32(np.float16(own[np.abs(own).argmax()] / -8)) or np.float32(1)
        simple = np.clip(np.round(own / step), -8, 7) * step
        assert np.square(numbers * scale - table)[0, block].sum() <= np.square(
            simple - own
        ).sum() * (1 + 1e-5)


def test_a_row_of_zeros_stays_zero():
    whole, scale = by_row(np.zeros((1, 4), np.float32))
    assert (whole * scale == 0).all()
    assert torch.isfinite(torch.from_numpy(scale)).all()
