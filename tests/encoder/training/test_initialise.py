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
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from encoder.compress.project import unit_vectors
from encoder.corpus.teacher import load_teacher
from encoder.serving.artifact import ArtifactError
from encoder.training.initialise import adopt
from tests.encoder.tiny import save_teacher, wordpiece

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
    config, kind = {"bert": (BertConfig, BertModel), "roberta": (RobertaConfig, RobertaModel)}[
        family
    ]
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 66,
    }
    # The tokenizer pads with 0, and RoBERTa counts its positions from there.
    return kind(config(vocab_size=size, pad_token_id=0, **sizes, **more))


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


def test_another_activation_is_refused(tmp_path):
    teacher = load_teacher(save(tmp_path, network("bert", hidden_act="relu")))
    with pytest.raises(ArtifactError, match="found bert with relu"):
        adopt(teacher)
