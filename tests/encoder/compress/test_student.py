"""The student network, and that it is on disk what it is in memory."""

from __future__ import annotations

import msgspec
import pytest
import torch

from encoder.compress.student import (
    LayerShape,
    Model,
    Student,
    StudentShape,
    load_model,
    save_model,
)
from encoder.serving.artifact import ArtifactConfig, ArtifactError, Card
from encoder.serving.artifact_writing import writing
from tests.encoder.making import static_artifact
from tests.encoder.tiny import wordpiece

SHAPE = StudentShape(50, 16, 8, 20, (LayerShape(2, 4, 12), LayerShape(1, 8, 24)), factor=6)


def student(shape=SHAPE, seed=0):
    torch.manual_seed(seed)
    return Student(shape).eval()


def test_padding_changes_nothing():
    network = student()
    ids = torch.tensor([[3, 4, 5]])
    padded = torch.tensor([[3, 4, 5, 9, 9]])
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    with torch.inference_mode():
        assert torch.allclose(
            network(ids, torch.ones_like(ids)).vectors, network(padded, mask).vectors, atol=1e-6
        )


def test_layers_may_differ_in_shape():
    output = student()(torch.zeros(2, 7, dtype=torch.long), torch.ones(2, 7, dtype=torch.long))
    assert output.states.shape == (2, 7, 16)
    assert output.vectors.shape == (2, 8)


def test_saved_and_loaded_it_says_the_same(tmp_path):
    model = Model(
        student(msgspec.structs.replace(SHAPE, vocabulary=wordpiece().get_vocab_size())),
        wordpiece(),
        20,
    )
    artifact = save_model(model, tmp_path / "a", Card(teacher="t"))
    loaded = load_model(artifact)
    ids = torch.arange(10)[None]
    with torch.inference_mode():
        expected, found = (
            network(ids, torch.ones_like(ids)).vectors
            for network in (model.student, loaded.student)
        )
    assert torch.equal(expected, found)
    assert loaded.tokenizer.encode("adalin bomor").ids == model.tokenizer.encode("adalin bomor").ids
    assert artifact.card.teacher == "t"
    assert artifact.dim == 8


def test_same_model_has_the_same_version(tmp_path):
    model = Model(student(), wordpiece(), 20)
    assert (
        save_model(model, tmp_path / "a", Card()).version
        == save_model(model, tmp_path / "b", Card()).version
    )


def test_another_kind_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="expected a transformer artifact, found static"):
        load_model(static_artifact(tmp_path / "a"))


def test_weights_that_do_not_fit_are_refused(tmp_path):
    artifact = save_model(Model(student(), wordpiece(), 20), tmp_path / "a", Card())
    shape = msgspec.to_builtins(msgspec.structs.replace(SHAPE, hidden=24))
    with writing(
        tmp_path / "b", ArtifactConfig("transformer", 8, 20, options={"shape": shape}), Card()
    ) as folder:
        for name in ("model.safetensors", "tokenizer.json"):
            (folder / name).write_bytes((artifact.path / name).read_bytes())
    from encoder.serving.artifact import load

    with pytest.raises(ArtifactError, match="expected weights of the shape"):
        load_model(load(tmp_path / "b"))
