"""A checkpoint is the last one written whole, and only for the training it belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encoder.training.checkpoint import LOG, STATE, Checkpoint


def test_what_was_saved_is_loaded(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a")
    checkpoint.save("key", 7, {"w": torch.ones(3)}, {"lr": 0.1})
    state = checkpoint.load("key")
    assert state["updates"] == 7
    assert torch.equal(state["model"]["w"], torch.ones(3))


def test_another_training_does_not_take_it_up(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a")
    assert checkpoint.load("key") is None
    checkpoint.save("key", 7, {}, {})
    assert checkpoint.load("other") is None


def test_a_crash_while_saving_leaves_the_one_before(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "a")
    checkpoint.save("key", 1, {}, {})

    def crash(state, path):
        Path(path).write_bytes(b"half")
        msg = "disk full"
        raise OSError(msg)

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save("key", 2, {}, {})
    assert checkpoint.load("key")["updates"] == 1


def test_the_log_stays_when_training_is_done(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a")
    checkpoint.save("key", 1, {}, {})
    (checkpoint.folder / LOG).mkdir()
    checkpoint.remove()
    assert not (checkpoint.folder / STATE).exists()
    assert (checkpoint.folder / LOG).is_dir()
    (checkpoint.folder / LOG).rmdir()
    checkpoint.remove()
    assert not checkpoint.folder.exists()
