"""Measure a new encoder and the release in force on the same held-out items and events.

    1. the student's vectors     every text is embedded once, with the code that workers use
    2. the catalogue's           of all that can make them (`encoder.release.catalogue`) one is
                                 chosen (`encoder.release.mixture`)
    3. clicks                    have a part in them where the figures prefer it
                                 (`encoder.release.blending`)
    4. the release in force      its stored vectors for what it knew, its encoder for held-out items

Figures of two days are not comparable: events and items have changed. So the release in force is
measured again, from its folder. Only where that is gone do the figures of its record stand in, for
the metrics that were measured now.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import Corpus
from encoder.release.blending import Clicks, blended, measured_again
from encoder.release.catalogue import Catalogue, Choice, candidates
from encoder.release.evaluate import speed
from encoder.release.mixture import choose, judge_mixture, mixed
from encoder.release.publish import EMBED_BATCH, Judged, stored_artifact
from encoder.release.shelf import Shelf, in_force
from encoder.serving.artifact import Artifact, ArtifactError
from encoder.serving.blend import read_blend
from encoder.serving.embed import Embedder
from encoder.serving.release_embedder import ReleaseEmbedder
from encoder.serving.wire import STUDENT, Release, Thresholds

FloatArray = NDArray[np.float32]
Report = Callable[[str, int, int], None]
SEED = 0  # of the bootstrap: the same figures choose the same


class Compared(NamedTuple):
    """Figures for the gate, the catalogue to publish, and what was found on the way: a sentence on
    each choice of vectors, and one on what the baseline is.
    """

    judged: Judged
    catalogue: Catalogue
    said: list[str]


def compare(
    artifact: Artifact,
    corpus: Corpus,
    shelf: Shelf,
    gate: Thresholds,
    teacher_vectors: FloatArray | None = None,
    threads: int = 1,
    choice: Choice = "auto",
    *,
    kept: Path | None = None,
    report: Report = lambda what, done, all_of: None,
    clicks: Clicks = "auto",
) -> Compared:
    """Measure both, and choose the catalogue's vectors.

    Parameters
    ----------
    artifact
        The new encoder, `static` or `onnx`.
    corpus
        Items and events with their split.
    shelf
        Where the release in force is found.
    gate
        Goes into the result.
    teacher_vectors
        (n_items, dim of the teacher); without them there is no recall, and the catalogue's vectors
        are the student's.
    threads
        For embedding.
    choice
        Who may make the catalogue's vectors.
    kept
        File of the student's vectors: read if it is there, written otherwise.
    report
        Called with what is being done, how much of it, of how much.
    clicks
        "off" leaves clicks out of the vectors; "auto" asks the figures
        (`encoder.release.blending`).

    """
    embedder = Embedder(artifact, threads)
    student = _student(embedder, corpus, kept, report)  # 1
    made = candidates(student, teacher_vectors, corpus, choice)  # 2
    chosen = choose(made, student, corpus, teacher_vectors, np.random.default_rng(SEED), choice)
    if clicks == "auto":  # 3
        report("what clicks say of items", 0, 1)
        chosen = blended(chosen, student, corpus, np.random.default_rng(SEED))
        report("what clicks say of items", 1, 1)
    metrics = chosen.metrics | _costs(embedder, corpus)
    baseline, said = _in_force(corpus, shelf, metrics, teacher_vectors, threads)  # 4
    return Compared(Judged(metrics, baseline, gate), chosen.catalogue, [*chosen.why, said])


def _student(embedder: Embedder, corpus: Corpus, kept: Path | None, report: Report) -> FloatArray:
    """(n_items, dim) float32 unit rows of all texts."""
    if kept is not None and kept.is_file():
        vectors: FloatArray = np.load(kept)
        return vectors
    vectors = np.empty((len(corpus), embedder.text_dim), np.float32)
    for start in range(0, len(corpus), EMBED_BATCH):
        end = min(start + EMBED_BATCH, len(corpus))
        vectors[start:end] = embedder.embed_texts(corpus.texts[start:end])
        report("embedding the catalogue", end, len(corpus))
    if kept is not None:
        aside = kept.with_suffix(".part")
        with aside.open("wb") as file:
            np.save(file, vectors)
        aside.replace(kept)
    return vectors


def _in_force(
    corpus: Corpus,
    shelf: Shelf,
    metrics: dict[str, float],
    teacher_vectors: FloatArray | None,
    threads: int,
) -> tuple[dict[str, float], str]:
    """Figures of the release in force, and a sentence on where they come from."""
    release = in_force(shelf)
    if release is None:
        return {}, "compared with nothing: there is no release in force yet"
    try:
        stored = stored_artifact(shelf, release)
        measured = _measured_again(stored, release, corpus, teacher_vectors, threads)
    except ArtifactError as error:
        published = {name: value for name, value in release.metrics.items() if name in metrics}
        return published, (
            f"compared with: release {release.version} cannot be measured again ({error}); its "
            "published figures stand in"
        )
    return measured, (
        f"compared with: release {release.version}, measured on the same items and events"
    )


def _measured_again(
    stored: Artifact,
    release: Release,
    corpus: Corpus,
    teacher_vectors: FloatArray | None,
    threads: int,
) -> dict[str, float]:
    reader = ReleaseEmbedder(stored, threads)
    blend = read_blend(stored)
    catalogue = reader.embed(corpus.item_ids, corpus.texts)  # (n_items, dim)
    if blend is not None:
        catalogue = blend.text_of(catalogue)
    student = catalogue
    if release.catalogue != STUDENT:
        rows = np.flatnonzero(corpus.held_out)
        student = catalogue.copy()
        student[rows] = reader.embedder.embed_texts([corpus.texts[row] for row in rows])
    figures = judge_mixture(catalogue, student, corpus, teacher_vectors)
    if blend is not None:
        texts = mixed(catalogue, student, corpus.held_out)
        figures = measured_again(texts, figures, corpus, blend.share)
    return figures | _costs(reader.embedder, corpus)


def _costs(embedder: Embedder, corpus: Corpus) -> dict[str, float]:
    """What serving costs."""
    return {
        "bytes": float(embedder.artifact.model_bytes),
        "items_per_s": speed(embedder, corpus.texts),
    }
