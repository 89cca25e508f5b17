"""A teacher taken over as a student says what the teacher says, in each family of networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from encoder.compress.project import unit_vectors
from encoder.corpus.teacher import load_teacher
from encoder.training.initialise import adopt, is_taken_over
from tests.encoder.tiny import save_teacher, with_dense, wordpiece

SPECIAL = {"cls": 2, "sep": 3, "bos": 2, "eos": 3}
TEXTS = ["adalin 1. drama.", "bomor 2. comedy. adalin, cynor, diros.", "x"]


def save(folder: Path, model) -> Path:
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=wordpiece(), pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    return folder


def network(family: str, **more):
    torch.manual_seed(0)
    size = wordpiece().get_vocab_size()
    if family == "distilbert":
        return DistilBertModel(
            DistilBertConfig(
                vocab_size=size,
                dim=32,
                n_layers=2,
                n_heads=4,
                hidden_dim=64,
                max_position_embeddings=66,
            )
        )
    if family == "modernbert":
        return modern_bert(size)
    config, kind = {
        "bert": (BertConfig, BertModel),
        "roberta": (RobertaConfig, RobertaModel),
        "mpnet": (MPNetConfig, MPNetModel),
    }[family]
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 66,
    }
    if family == "mpnet":
        return kind(config(vocab_size=size, **sizes))  # pads with 1, whatever it is told
    # The tokenizer pads with 0, and RoBERTa counts its positions from there.
    return kind(config(vocab_size=size, pad_token_id=0, **sizes, **more))


def modern_bert(size: int):
    from transformers import ModernBertConfig, ModernBertModel  # brings torch's compiler with it

    return ModernBertModel(
        ModernBertConfig(
            vocab_size=size,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            pad_token_id=0,
            **{f"{name}_token_id": number for name, number in SPECIAL.items()},
        )
    )


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_vectors_are_the_teachers(tmp_path, family):
    teacher = load_teacher(save(tmp_path, network(family)))
    # the tanh form of gelu
    np.testing.assert_allclose(
        unit_vectors(adopt(teacher), TEXTS).numpy(), teacher.embed(TEXTS), atol=2e-3
    )


def test_exactly_the_teachers_where_gelu_is_the_tanh_form(tmp_path):
    teacher = load_teacher(save(tmp_path, network("bert", hidden_act="gelu_new")))
    np.testing.assert_allclose(
        unit_vectors(adopt(teacher), TEXTS).numpy(), teacher.embed(TEXTS), atol=1e-5
    )


def test_shorter_inputs_on_request(tmp_path):
    model = adopt(load_teacher(save_teacher(tmp_path)), max_tokens=5)
    assert model.max_tokens == model.student.shape.positions == 5
    assert len(model.tokenizer.encode("adalin " * 9).ids) == 5


def test_mpnet_without_its_distances_is_taken_over(tmp_path):
    network_ = network("mpnet")
    with torch.no_grad():
        network_.encoder.relative_attention_bias.weight.zero_()
    teacher = load_teacher(save(tmp_path, network_))
    assert is_taken_over(teacher)
    np.testing.assert_allclose(
        unit_vectors(adopt(teacher), TEXTS).numpy(), teacher.embed(TEXTS), atol=2e-3
    )


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # of torch's compiler
@pytest.mark.parametrize(("family", "more"), [("modernbert", {}), ("bert", {"hidden_act": "relu"})])
def test_of_other_networks_the_tokens_are_taken_over(tmp_path, family, more):
    teacher = load_teacher(save(tmp_path, network(family, **more)))
    assert not is_taken_over(teacher)
    model = adopt(teacher)
    assert torch.equal(model.student.tokens.weight, teacher.model.get_input_embeddings().weight)
    assert len(model.student.shape.layers) == 2
    assert model.student.shape.dim == teacher.dim == 32
    vectors = unit_vectors(model, TEXTS)
    assert torch.isfinite(vectors).all()
    assert torch.equal(vectors, unit_vectors(adopt(teacher), TEXTS))  # the same each time


def test_a_map_behind_the_pooling_becomes_the_projection(tmp_path):
    folder = save(tmp_path, network("bert", hidden_act="gelu_new"))
    with_dense(folder, 8)
    teacher = load_teacher(folder)
    model = adopt(teacher)
    assert model.student.shape.dim == teacher.dim == 8
    np.testing.assert_allclose(unit_vectors(model, TEXTS).numpy(), teacher.embed(TEXTS), atol=1e-5)
