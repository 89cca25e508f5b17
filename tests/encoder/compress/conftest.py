"""The tiny teacher as a model, for the tests of single steps."""

from __future__ import annotations

import pytest

from encoder.adopt import adopt
from encoder.student import Model
from encoder.teacher import load_teacher
from tests.encoder.tiny import save_teacher


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Model:
    """Three layers, four heads, 32 dimensions."""
    return adopt(load_teacher(save_teacher(tmp_path_factory.mktemp("teacher"))))
