"""Clicks beside texts: taken where users' choices say so, by a share that those never chose."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from encoder.corpus.corpus import Corpus, Feedback, build, earlier
from encoder.release.blending import EARLIER, SHARES, blended, fit, learned_share, measured_again
from encoder.release.catalogue import Catalogue
from encoder.release.compare import compare
from encoder.release.mixture import Chosen, judge_mixture
from encoder.release.publish import publish
from encoder.release.shelf import Shelf
from encoder.serving.artifact import load
from encoder.serving.embed import Embedder
from encoder.serving.wire import STUDENT, Thresholds
from tests.encoder.making import catalogue, static_artifact, unit_rows
from tests.encoder.release.test_publish import worker

N_ITEMS, KINDS = 120, 6
GATE = Thresholds(drop={"ndcg@10": 0.01})


@pytest.fixture
def shelf(local_shelf: Shelf) -> Shelf:
    """What is tested here does not hang on the broker: one will do."""
    return local_shelf


def corpus(n_users: int = 120, of_kind: float = 0.9) -> Corpus:
    """Each user clicks twelve items, nine of ten of the one kind that the user likes; a kind is the
    item's number modulo six, of which texts say nothing.
    """
    rng = np.random.default_rng(1)
    titles = [item["title"] for item in catalogue(N_ITEMS)]
    items = [{"item_id": f"i{n:03}", "title": title} for n, title in enumerate(titles)]
    feedback = []
    for user in range(n_users):
        for at in range(12):
            kind = user % KINDS if rng.random() < of_kind else int(rng.integers(KINDS))
            item = kind + KINDS * int(rng.integers(N_ITEMS // KINDS))
            feedback.append(Feedback(f"u{user}", f"i{item:03}", "click", at + user / n_users))
    return build(items, feedback)


def texts(of_kind: float = 0.0) -> np.ndarray:
    """Unit vectors, (n_items, 16): noise, and so much of the kind."""
    rows = unit_rows(N_ITEMS, 16)
    rows[np.arange(N_ITEMS), np.arange(N_ITEMS) % KINDS] += of_kind
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def chosen(vectors: np.ndarray, of: Corpus) -> Chosen:
    return Chosen(Catalogue(STUDENT, vectors), judge_mixture(vectors, vectors, of), ["before"])


def test_clicks_get_a_part_where_users_choices_follow_them():
    of, vectors = corpus(), texts(0.3)
    found = blended(chosen(vectors, of), vectors, of, np.random.default_rng(0))
    share = found.metrics["clicks_share"]
    assert share in SHARES
    assert found.metrics["ndcg@10"] > 1.5 * found.metrics["text_ndcg@10"]
    assert found.why[0] == "before"
    assert f"clicks have a part in the vectors (share {share:g}; ndcg@10 +" in found.why[1]
    blend = found.catalogue.blend
    assert blend is not None
    assert blend.share == share
    assert found.catalogue.vectors.shape == (N_ITEMS, blend.dim)
    assert np.allclose(np.linalg.norm(found.catalogue.vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(blend.text_of(found.catalogue.vectors), vectors, atol=1e-5)


def test_what_is_published_knows_all_clicks_and_what_is_judged_does_not():
    """Held-out items were clicked: their published vectors say so, the judged ones are of texts
    alone.
    """
    of, vectors = corpus(), texts(0.3)
    found = blended(chosen(vectors, of), vectors, of, np.random.default_rng(0))
    blend = found.catalogue.blend
    fitted = fit(vectors, of.held_out, of.training_events())
    assert blend is not None
    assert fitted is not None
    alone = fitted.blend(blend.share).of_texts(vectors)
    assert np.allclose(fitted.vectors(blend.share)[of.held_out], alone[of.held_out], atol=1e-5)
    published = found.catalogue.vectors
    assert not np.allclose(published[of.held_out], blend.of_texts(vectors)[of.held_out], atol=0.05)


def test_clicks_that_say_nothing_get_no_part():
    of, vectors = corpus(of_kind=0.0), texts(0.3)
    found = blended(chosen(vectors, of), vectors, of, np.random.default_rng(0))
    assert found.catalogue.blend is None
    assert found.catalogue.vectors is vectors
    assert "clicks_share" not in found.metrics
    assert found.why[-1].startswith("clicks have no part in the vectors (share ")


def test_few_users_say_nothing():
    for n_users in (0, 8):
        of, vectors = corpus(n_users), texts()
        found = blended(chosen(vectors, of), vectors, of, np.random.default_rng(0))
        assert found.catalogue.blend is None
        assert "too few users" in found.why[-1]


def test_the_share_is_not_chosen_by_what_judges():
    """Every second event after the cutoff or on a held-out item is taken away: nothing changes."""
    of, vectors = corpus(), texts(0.3)
    judged = (of.events.times_s >= of.cutoff_s) | of.held_out[of.events.items]
    some = of.events.where(~judged | (np.arange(len(judged)) % 2 == 0))
    fewer = dataclasses.replace(of, events=some)
    assert len(some.items) < len(of.events.items)
    assert learned_share(vectors, of) == learned_share(vectors, fewer)
    before, after = earlier(of, EARLIER), earlier(fewer, EARLIER)
    assert np.array_equal(before.held_out, after.held_out)
    assert np.array_equal(before.events.times_s, after.events.times_s)


def test_a_release_with_clicks_is_measured_again_without_what_judges():
    of, vectors = corpus(), texts(0.3)
    found = blended(chosen(vectors, of), vectors, of, np.random.default_rng(0))
    again = measured_again(vectors, {"bytes": 1.0}, of, found.metrics["clicks_share"])
    assert again["bytes"] == 1.0
    for name in ("ndcg@10", "ndcg_warm@10", "ndcg_cold@10"):
        assert again[name] == found.metrics[name]


def test_an_item_is_known_by_its_clicks_as_far_as_it_has_them():
    """An item with the most clicks lies nearer to its kind than one with the fewest."""
    of, vectors = corpus(), texts()
    fitted = fit(vectors, np.zeros(N_ITEMS, np.bool_), of.events)
    assert fitted is not None
    n = np.bincount(of.events.items, minlength=N_ITEMS)
    length = np.linalg.norm(fitted.known, axis=1)
    assert length[np.argsort(n)[-20:]].mean() > length[np.argsort(n)[:20]].mean() + 0.05


def test_clicks_have_a_part_where_choices_follow_them_and_the_release_says_so(
    shelf: Shelf, tmp_path: Path
) -> None:
    """The vectors of known items, of new ones, and what is measured again at the next refresh."""
    of, artifact = corpus(), static_artifact(tmp_path / "one")
    compared = compare(artifact, of, shelf, GATE)
    assert any("clicks have a part in the vectors" in each for each in compared.said)
    texts = dict(zip(of.item_ids, of.texts, strict=True))
    release = publish(
        artifact, texts, compared.judged, shelf, 1000.0, catalogue=compared.catalogue
    ).release
    assert release is not None
    assert release.text_dim == 8 < release.dim
    assert release.metrics["ndcg@10"] > release.metrics["text_ndcg@10"]
    kept = load(shelf.folder / release.artifact)
    assert (kept.dim, kept.text_dim) == (release.dim, 8)
    blend, embedder = compared.catalogue.blend, Embedder(kept)
    assert blend is not None
    new = embedder.embed(["red wool hat"])
    np.testing.assert_allclose(new, blend.of_texts(embedder.embed_texts(["red wool hat"])))
    assert worker(shelf).current_release() == release

    again = compare(static_artifact(tmp_path / "two", seed=2), of, shelf, GATE)
    for name in ("ndcg@10", "ndcg_warm@10", "ndcg_cold@10"):
        assert again.judged.baseline[name] == pytest.approx(release.metrics[name], abs=1e-6)
    # an encoder that is taken from a release is judged by its texts too
    taken = compare(kept, of, shelf, GATE).judged.metrics
    assert taken["text_ndcg@10"] == pytest.approx(release.metrics["text_ndcg@10"], abs=1e-6)


def test_clicks_have_no_part_where_the_plan_says_so(shelf: Shelf, tmp_path: Path) -> None:
    compared = compare(static_artifact(tmp_path / "one"), corpus(), shelf, GATE, clicks="off")
    assert compared.catalogue.blend is None
    assert not any("clicks" in each for each in compared.said)
