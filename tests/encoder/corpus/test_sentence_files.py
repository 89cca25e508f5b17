"""Files of sentence-transformers: pooling, the map behind it, prompts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from encoder.corpus.sentence_files import POOLINGS, pooled, read_sentence_files
from encoder.corpus.teacher import load_teacher, padded
from encoder.serving.artifact import ArtifactError
from tests.encoder.tiny import save_teacher, with_dense, with_modules

TEXTS = ["adalin 1. drama.", "bomor 2. comedy. adalin, cynor, diros.", "x"]
STATES = torch.tensor([[[1.0, 0.0], [3.0, 4.0], [9.0, 9.0]], [[5.0, 1.0], [0.0, 0.0], [2.0, 2.0]]])
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", [[2, 2], [7 / 3, 1]]),
        ("cls", [[1, 0], [5, 1]]),
        ("lasttoken", [[3, 4], [2, 2]]),
        ("max", [[3, 4], [5, 2]]),
        ("weightedmean", [[7 / 3, 8 / 3], [11 / 6, 7 / 6]]),
    ],
)
def test_poolings_leave_padding_out(pooling: str, expected: list[list[float]]) -> None:
    assert pooling in POOLINGS.values()
    torch.testing.assert_close(
        pooled(STATES, MASK, pooling), torch.tensor(expected, dtype=torch.float32)
    )


def test_a_pooling_file_is_found_with_and_without_modules(tmp_path: Path) -> None:
    for name, modules in (("a", False), ("b", True)):
        where = save_teacher(tmp_path / name)
        if modules:
            with_modules(where, "Transformer", "Pooling")
        else:
            (where / "1_Pooling").mkdir()
        config = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
        (where / "1_Pooling" / "config.json").write_text(json.dumps(config))
        teacher = load_teacher(where)
        with torch.inference_mode():
            states, vectors = teacher.read(*padded(teacher.tokens(TEXTS)))
        assert torch.allclose(vectors, normalize(states[:, 0], dim=1))


def test_a_linear_map_stands_behind_the_pooling(tmp_path: Path) -> None:
    where = save_teacher(tmp_path)
    linear = with_dense(where, 8, "Tanh")
    teacher = load_teacher(where)
    assert (teacher.width, teacher.dim) == (32, 8)
    with torch.inference_mode():
        states, vectors = teacher.read(*padded(teacher.tokens(TEXTS[:1])))
        expected = normalize(torch.tanh(linear(states.mean(1))), dim=1)
    torch.testing.assert_close(vectors, expected)
    assert teacher.embed(TEXTS).shape == (3, 8)


def test_the_prompt_for_documents_is_read_in_front(tmp_path: Path) -> None:
    where = save_teacher(tmp_path)
    plain = load_teacher(where)
    prompts = {"query": "horror ", "passage": "comedy ", "clustering": "western "}
    (where / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": prompts, "default_prompt_name": "clustering"})
    )
    own, given, none = (load_teacher(where, prompt) for prompt in (None, "drama ", ""))
    for teacher, prompt in ((own, "comedy "), (given, "drama "), (none, "")):
        np.testing.assert_allclose(
            teacher.embed(TEXTS), plain.embed([prompt + text for text in TEXTS]), atol=1e-6
        )


@pytest.mark.parametrize(
    ("kinds", "config", "found"),
    [
        (("Transformer", "LSTM"), {}, "found LSTM"),
        (
            ("Transformer", "Pooling"),
            {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True},
            "found pooling_mode_cls_token, pooling_mode_max_tokens",
        ),
        (
            ("Transformer", "Dense"),
            {"activation_function": "torch.nn.Softmax"},
            "found torch.nn.Softmax",
        ),
    ],
)
def test_what_is_not_known_is_said(
    tmp_path: Path, kinds: tuple[str, ...], config: dict[str, object], found: str
) -> None:
    with_modules(tmp_path, *kinds)
    (tmp_path / f"1_{kinds[1]}" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match=found):
        read_sentence_files(tmp_path)
