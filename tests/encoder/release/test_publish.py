"""Publishing on real brokers: what passes the gate arrives whole, what does not leaves no trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encoder.corpus.kafka_log import read_topic
from encoder.release import publish as module
from encoder.release.catalogue import Catalogue
from encoder.release.publish import Judged, embed_catalogue, publish, store, stored_artifact
from encoder.release.shelf import Shelf, in_force, releases
from encoder.serving.artifact import Artifact, ArtifactError, load
from encoder.serving.embed import Embedder
from encoder.serving.gate import COSINE
from encoder.serving.stored_embeddings import Stored, read_embeddings
from encoder.serving.text import item_text, text_hash
from encoder.serving.verify import ReleaseAssembly
from encoder.serving.wire import Release, Thresholds, decode_embedding, decode_release
from tests.encoder.making import catalogue, static_artifact, unit_rows

GOOD = Judged({"ndcg@10": 0.3}, {}, Thresholds(drop={"ndcg@10": 0.1}))


def texts(n: int = 30) -> dict[str, str]:
    return {str(item["item_id"]): item_text(item) for item in catalogue(n)}


def worker(shelf: Shelf) -> ReleaseAssembly:
    """What a worker that starts now believes."""
    assembly = ReleaseAssembly()
    for _, value in read_topic(shelf.client, shelf.topics.item_embeddings):
        assembly.add_embedding(decode_embedding(value or b""))
    for _, value in read_topic(shelf.client, shelf.topics.encoder_releases):
        release = decode_release(value or b"")
        assembly.add_release(release, load(shelf.folder / release.artifact).sha256)
    return assembly


def published(artifact: Artifact, shelf: Shelf, now_s: float = 1000.0, n: int = 30) -> Release:
    outcome = publish(artifact, texts(n), GOOD, shelf, now_s)
    assert outcome.reasons == []
    assert outcome.release is not None
    return outcome.release


def test_published_release_is_what_a_worker_ends_up_with(shelf: Shelf, tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "model")
    release = published(artifact, shelf)
    assert (release.items, release.dim, release.previous, release.created_s) == (
        30,
        8,
        None,
        1000.0,
    )
    current = worker(shelf).current()
    assert current is not None
    assert current.version == release.version
    vectors, known = current.take(sorted(texts()))
    assert known.all()
    np.testing.assert_array_equal(
        vectors, Embedder(artifact).embed([texts()[i] for i in sorted(texts())])
    )


def test_embeddings_carry_the_hash_of_their_text(shelf: Shelf, tmp_path: Path) -> None:
    release = published(static_artifact(tmp_path / "model"), shelf)
    for key, value in read_topic(shelf.client, shelf.topics.item_embeddings):
        embedding = decode_embedding(value or b"")
        assert (key or b"").decode() == embedding.item_id
        assert embedding.version == release.version
        assert embedding.text_hash == text_hash(texts()[embedding.item_id])


def test_second_release_takes_over_and_names_the_first(shelf: Shelf, tmp_path: Path) -> None:
    first = published(static_artifact(tmp_path / "one", seed=1), shelf, 1000.0)
    second = published(static_artifact(tmp_path / "two", seed=2), shelf, 2000.0)
    assert second.previous == first.version
    assert in_force(shelf) == second
    assert [r.version for r in releases(shelf)] == [first.version, second.version]
    current = worker(shelf).current()
    assert current is not None
    assert current.version == second.version


def test_clock_that_went_back_does_not_hide_a_release(shelf: Shelf, tmp_path: Path) -> None:
    first = published(static_artifact(tmp_path / "one", seed=1), shelf, 1000.0)
    second = published(static_artifact(tmp_path / "two", seed=2), shelf, 10.0)
    assert second.created_s > first.created_s
    assert in_force(shelf) == second


def test_publishing_the_same_again_is_harmless(shelf: Shelf, tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "model")
    first, second = published(artifact, shelf, 1000.0), published(artifact, shelf, 2000.0)
    assert first.version == second.version
    assert [path.name for path in shelf.folder.iterdir()] == [first.version]
    current = worker(shelf).current()
    assert current is not None
    assert len(current.rows) == 30


def test_catalogue_of_another_encoder_is_published_beside_the_artifact(
    shelf: Shelf, tmp_path: Path
) -> None:
    artifact = static_artifact(tmp_path / "model")
    symmetric = published(artifact, shelf)
    assert symmetric.catalogue == "student"
    vectors = unit_rows(30, seed=11)
    judged = Judged({"ndcg@10": 0.3, COSINE: 0.9}, {}, GOOD.gate)
    outcome = publish(
        artifact, texts(), judged, shelf, 2000.0, catalogue=Catalogue("teacher", vectors)
    )
    release = outcome.release
    assert release is not None
    assert release.catalogue == "teacher"
    assert release.version != symmetric.version  # other vectors: another release
    current = worker(shelf).current()
    assert current is not None
    np.testing.assert_array_equal(current.take(sorted(texts()))[0], vectors)
    kept = stored_artifact(shelf, release)
    assert kept.card.notes["catalogue"] == "teacher"
    np.testing.assert_array_equal(
        Embedder(kept).embed(["red hat."]), Embedder(artifact).embed(["red hat."])
    )


@pytest.mark.parametrize("metrics", [{}, {COSINE: 0.2}, {COSINE: float("nan")}])
def test_catalogue_in_another_space_than_the_artifact_is_refused(
    tmp_path: Path, metrics: dict[str, float]
) -> None:
    nowhere = Shelf({}, None, tmp_path)  # type: ignore[arg-type]
    outcome = publish(
        static_artifact(tmp_path / "model"),
        texts(),
        Judged(metrics, {}, Thresholds()),
        nowhere,
        1.0,
        catalogue=Catalogue("teacher", unit_rows(30)),
    )
    assert outcome.release is None
    assert "cosine_to_catalogue: expected at least 0.5" in outcome.reasons[-1]


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        (
            Judged({"ndcg@10": 0.2}, {"ndcg@10": 0.3}, GOOD.gate),
            "ndcg@10: expected at least 0.2700",
        ),
        (Judged({"ndcg@10": float("nan")}, {}, GOOD.gate), "expected a finite figure"),
        (Judged({}, {}, Thresholds({"recall@10": 0.5})), "recall@10: not measured"),
    ],
)
def test_release_that_fails_the_gate_leaves_no_trace(
    shelf: Shelf, tmp_path: Path, judged: Judged, said: str
) -> None:
    before = published(static_artifact(tmp_path / "one", seed=1), shelf)
    outcome = publish(static_artifact(tmp_path / "two", seed=2), texts(), judged, shelf, 2000.0)
    assert outcome.release is None
    assert said in outcome.reasons[0]
    assert in_force(shelf) == before
    assert len(list(read_topic(shelf.client, shelf.topics.item_embeddings))) == 30
    assert [path.name for path in shelf.folder.iterdir()] == [before.version]


POISON = {
    "NaN": lambda s: Stored(
        s.ids, np.where(np.arange(8) == 3, np.float32(np.nan), s.matrix), s.hashes
    ),
    "dimension": lambda s: Stored(s.ids, s.matrix[:, :5], s.hashes),
    "missing": lambda s: Stored(s.ids[1:], s.matrix[1:], s.hashes[1:]),
    "collapsed": lambda s: Stored(s.ids, np.repeat(s.matrix[:1], len(s.ids), axis=0), s.hashes),
}


@pytest.mark.parametrize("poison", POISON)
def test_poisoned_vectors_never_leave_the_house(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poison: str
) -> None:
    before = published(static_artifact(tmp_path / "one", seed=1), shelf)
    monkeypatch.setattr(module, "embed_catalogue", lambda *a: POISON[poison](embed_catalogue(*a)))
    outcome = publish(static_artifact(tmp_path / "two", seed=2), texts(), GOOD, shelf, 2000.0)
    assert outcome.release is None
    assert outcome.reasons
    assert in_force(shelf) == before


def test_stored_release_is_whole_and_is_refused_once_touched(shelf: Shelf, tmp_path: Path) -> None:
    release = published(static_artifact(tmp_path / "model"), shelf)
    kept = stored_artifact(shelf, release)
    assert read_embeddings(kept).ids == sorted(texts())
    assert kept.card.metrics["ndcg@10"] == 0.3
    (kept.path / "table.npy").unlink()  # the file may be a link: never write into it
    np.save(kept.path / "table.npy", np.zeros((14, 8), np.float32))
    with pytest.raises(ArtifactError, match=r"table\.npy: expected SHA-256"):
        stored_artifact(shelf, release)


def test_broken_folder_of_the_same_content_is_replaced(tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "model")
    stored = embed_catalogue(artifact, texts())
    kept = store(artifact, stored, tmp_path / "releases", {"ndcg@10": 0.3})
    (kept.path / "ids.json").unlink()
    assert store(artifact, stored, tmp_path / "releases", {"ndcg@10": 0.3}).is_complete()


def test_release_record_cannot_point_outside_the_folder(tmp_path: Path) -> None:
    shelf = Shelf({}, None, tmp_path)  # type: ignore[arg-type]
    for name in ("../elsewhere", "/etc", ".hidden", ""):
        with pytest.raises(ArtifactError):
            stored_artifact(shelf, Release("v", 1, 1, name, "a" * 64, 1.0, {}))


def test_progress_counts_every_item(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    embed_catalogue(
        static_artifact(tmp_path / "model"),
        texts(1_500),
        progress=lambda done, of: seen.append((done, of)),
    )
    assert seen == [(1_024, 1_500), (1_500, 1_500)]


def test_empty_catalogue_is_refused_before_any_broker_is_asked(tmp_path: Path) -> None:
    shelf = Shelf({}, None, tmp_path)  # type: ignore[arg-type]
    outcome = publish(static_artifact(tmp_path / "model"), {}, GOOD, shelf, 1.0)
    assert outcome.reasons == ["items: expected at least one, found none"]
