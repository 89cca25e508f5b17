"""What holds for every step of the registry, and for chains of them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from encoder.compress import NETWORK_STEPS, STEPS, compress, parse
from encoder.compress.student import load_model, save_model
from encoder.corpus.teacher import load_teacher
from encoder.serving.artifact import Card, load
from encoder.serving.embed import Embedder
from encoder.training.initialise import adopt
from tests.encoder.tiny import corpus, save_teacher

TEXTS = corpus().texts
OPTIONS = {
    "keep_layers": {"keep": [0, 2]},
    "prune": {"heads": 2, "units": 16},
    "merge": {"before": 1},
    "trim_vocabulary": {"minimum": 2},
    "factorize": {"width": 8},
    "project": {"dim": 12},
    "quantize": {},
    "static": {"passes": 2},
}
FASTER_ONLY = {"merge"}  # as many weights as before, for fewer tokens


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The tiny teacher as an artifact."""
    teacher = load_teacher(save_teacher(tmp_path_factory.mktemp("teacher")))
    return save_model(adopt(teacher), tmp_path_factory.mktemp("whole") / "a", Card(teacher="tiny"))


def digest(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def test_every_step_has_options_here():
    assert OPTIONS.keys() == STEPS.keys()
    assert NETWORK_STEPS.keys() < STEPS.keys()


@pytest.mark.parametrize("name", STEPS)
def test_a_step_makes_a_smaller_complete_artifact_and_leaves_its_input(whole, tmp_path, name):
    before = digest(whole.path)
    made = compress(whole, [{"step": name, **OPTIONS[name]}], tmp_path / "out", TEXTS)
    assert digest(whole.path) == before
    assert load(tmp_path / "out").is_complete()
    assert made.model_bytes < whole.model_bytes + (100 if name in FASTER_ONLY else 0)
    assert made.card.teacher == "tiny"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", STEPS)
def test_the_same_step_makes_the_same_artifact(whole, tmp_path, name):
    step = [{"step": name, **OPTIONS[name]}]
    assert (
        compress(whole, step, tmp_path / "a", TEXTS).version
        == compress(whole, step, tmp_path / "b", TEXTS).version
    )


def test_a_chain_reports_every_step_and_serves(whole, tmp_path):
    chain = [{"step": name, **OPTIONS[name]} for name in (*NETWORK_STEPS, "quantize")]
    made = compress(whole, chain, tmp_path / "out", TEXTS)
    assert [report["step"] for report in made.card.steps] == [*NETWORK_STEPS, "quantize"]
    for report in made.card.steps:
        assert report["bytes_after"] < report["bytes_before"] + (
            100 if report["step"] in FASTER_ONLY else 0
        )
        assert report["seconds"] >= 0
    rows = Embedder(made).embed(TEXTS[:20])
    assert rows.shape == (20, 12)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_no_step_is_a_copy(whole, tmp_path):
    assert compress(whole, [], tmp_path / "out").version == whole.version


def test_steps_after_the_last_are_refused(whole, tmp_path):
    with pytest.raises(ValueError, match="expected a transformer artifact, found onnx"):
        compress(whole, ["quantize", {"step": "keep_layers", "keep": [0]}], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_step_is_refused():
    with pytest.raises(ValueError, match=r"keep_layers.*found 'shrink'"):
        parse("shrink")


def test_an_unknown_option_is_refused(whole, tmp_path):
    with pytest.raises(ValueError, match=r"step quantize.*'depth'"):
        compress(whole, [{"step": "quantize", "depth": 4}], tmp_path / "out")


def test_loaded_models_do_not_share_their_weights(whole):
    one, other = load_model(whole), load_model(whole)
    one.student.tokens.weight.data.zero_()
    assert other.student.tokens.weight.abs().sum() > 0
