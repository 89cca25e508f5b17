"""A release's vectors: published ones for texts that it knows, its encoder's for all others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from encoder.serving.embed import Embedder
from encoder.serving.release_embedder import ReleaseEmbedder
from encoder.serving.stored_embeddings import Stored
from encoder.serving.text import text_hash
from tests.encoder.making import static_artifact, unit_rows
from tests.encoder.serving.test_stored_embeddings import with_embeddings

TEXTS = ["red shoe.", "blue hat."]


def test_known_text_has_the_vector_it_was_published_with_and_a_changed_one_the_encoders(
    tmp_path: Path,
) -> None:
    published = unit_rows(2, seed=7)
    stored = Stored(["a", "b"], published, [text_hash(text) for text in TEXTS])
    release = with_embeddings(tmp_path, stored)
    found = ReleaseEmbedder(release).embed(["b", "a", "c"], ["blue hat.", "red silk shoe.", "hat."])
    made = Embedder(release).embed(["red silk shoe.", "hat."])
    np.testing.assert_array_equal(found, np.stack([published[1], made[0], made[1]]))


def test_text_of_another_item_is_not_its_own(tmp_path: Path) -> None:
    """Vectors may say more of an item than its text does."""
    stored = Stored(["a", "b"], unit_rows(2, seed=7), [text_hash(text) for text in TEXTS])
    release = with_embeddings(tmp_path, stored)
    found = ReleaseEmbedder(release).embed(["a"], ["blue hat."])
    np.testing.assert_array_equal(found, Embedder(release).embed(["blue hat."]))


def test_encoder_that_was_never_published_embeds_everything(tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "model")
    found = ReleaseEmbedder(artifact).embed(["a", "b"], TEXTS)
    np.testing.assert_array_equal(found, Embedder(artifact).embed(TEXTS))
    assert ReleaseEmbedder(artifact).embed([], []).shape == (0, artifact.dim)
