"""The tiny teacher as a model, for the tests of single steps."""

from __future__ import annotations

import pytest

from encoder.compress.student import Model
from encoder.corpus.teacher import load_teacher
from encoder.training.initialise import adopt
from tests.encoder.tiny import save_teacher


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Model:
    """Three layers, four heads, 32 dimensions."""
    return adopt(load_teacher(save_teacher(tmp_path_factory.mktemp("teacher"))))
