"""Texts and clicks as one vector: what a new item needs, on disk and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encoder.serving.artifact import Artifact, ArtifactError, load
from encoder.serving.artifact_writing import link_files, writing
from encoder.serving.blend import CENTRE, CLICKS, Blend, blended_config, read_blend, write_blend
from encoder.serving.embed import Embedder
from tests.encoder.making import static_artifact, unit_rows


def blend(d: int = 8, f: int = 3, share: float = 0.5) -> Blend:
    rng = np.random.default_rng(4)
    clicks = rng.normal(size=(d, f)).astype(np.float32) / 4
    return Blend(unit_rows(5, d).mean(axis=0), clicks, share)


def blended(tmp_path: Path, made: Blend) -> Artifact:
    plain = static_artifact(tmp_path / "plain")
    with writing(tmp_path / "made", blended_config(plain.config, made), plain.card) as folder:
        link_files(plain, folder)
        write_blend(folder, made)
    return load(tmp_path / "made")


def test_a_cosine_is_the_share_of_clicks_and_the_rest_of_texts():
    """Centre 0, texts at right angles; clicks at cosine 1: 0.25 of 1 and 0.75 of 0."""
    made = Blend(np.zeros(2, np.float32), np.zeros((2, 1), np.float32), 0.25)
    both = made.beside(np.eye(2, dtype=np.float32), np.ones((2, 1), np.float32))
    assert np.isclose(both[0] @ both[1], 0.25)


def test_texts_are_centred_and_come_back():
    made, texts = blend(), unit_rows(20)
    vectors = made.of_texts(texts)
    assert vectors.shape == (20, 11)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    centred = texts - made.centre
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert np.allclose(made.centred(texts), centred, atol=1e-5)
    assert np.allclose(made.text_of(vectors), texts, atol=1e-5)


def test_a_text_at_the_centre_points_everywhere_alike():
    made = blend()._replace(centre=unit_rows(1)[0])
    vector = made.of_texts(unit_rows(1))
    assert np.isfinite(vector).all()
    assert np.isclose(np.linalg.norm(vector), 1)


def test_an_encoder_with_a_blend_embeds_new_items_with_it(tmp_path: Path):
    made = blend()
    artifact = blended(tmp_path, made)
    assert (artifact.dim, artifact.text_dim) == (11, 8)
    assert artifact.version.startswith("static-11-")
    embedder, texts = Embedder(artifact), ["red shoe", "blue hat", "nothing known"]
    plain = Embedder(static_artifact(tmp_path / "plain")).embed(texts)
    assert np.array_equal(embedder.embed_texts(texts), plain)
    assert np.allclose(embedder.embed(texts), made.of_texts(plain))
    found = read_blend(artifact)
    assert found is not None
    assert np.array_equal(found.clicks, made.clicks)
    assert found.share == made.share


def test_an_encoder_without_one_has_none(tmp_path: Path):
    artifact = static_artifact(tmp_path / "plain")
    assert read_blend(artifact) is None
    assert artifact.text_dim == artifact.dim == 8


@pytest.mark.parametrize(
    "broken",
    [
        lambda folder: (folder / CENTRE).unlink(),
        lambda folder: np.save(folder / CLICKS, np.ones((8, 2), np.float32)),
        lambda folder: np.save(folder / CENTRE, np.full(8, np.nan, np.float32)),
        lambda folder: (folder / CLICKS).write_bytes(b"no array"),
    ],
    ids=["no centre", "shape", "NaN", "bytes"],
)
def test_a_broken_blend_is_refused_when_it_is_loaded(tmp_path: Path, broken):
    made, plain = blend(), static_artifact(tmp_path / "plain")
    with writing(tmp_path / "made", blended_config(plain.config, made), plain.card) as folder:
        link_files(plain, folder)
        write_blend(folder, made)
        broken(folder)
    with pytest.raises(ArtifactError, match=r"expected .*centre"):
        Embedder(load(tmp_path / "made"))


def test_a_share_out_of_range_is_refused(tmp_path: Path):
    with pytest.raises(ArtifactError, match="between 0 and 1"):
        Embedder(blended(tmp_path, blend(share=1.0)))
