"""Measure a new encoder and the release in force on the same held-out items and events.

    1. student and catalogue     of all that can make the catalogue's vectors one is chosen; the
                                 student embeds what that needs, with the code that workers use
                                 (`encoder.release.choosing`)
    2. clicks                    have a part in them where the figures prefer it
                                 (`encoder.release.blending`)
    3. the release in force      its stored vectors for what it knew, its encoder for held-out items

Figures of two days are not comparable: events and items have changed. So the release in force is
measured again, from its folder. Only where that is gone do the figures of its record stand in, for
the metrics that were measured now.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import Corpus
from encoder.corpus.vector_cache import VectorCache, of_embedder, vectors_of
from encoder.release.blending import Clicks, blended, measured_again
from encoder.release.catalogue import Catalogue, Choice
from encoder.release.choosing import chosen_catalogue
from encoder.release.evaluate import speed
from encoder.release.mixture import judge_mixture, mixed
from encoder.release.publish import Judged, stored_artifact
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
    cache: VectorCache | None = None,
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
    cache
        Of the vectors of earlier runs.
    report
        Called with what is being done, how much of it, of how much.
    clicks
        "off" leaves clicks out of the vectors; "auto" asks the figures
        (`encoder.release.blending`).

    """
    embedder = Embedder(artifact)

    def embed(texts: Sequence[str]) -> FloatArray:
        return vectors_of(
            of_embedder(embedder),
            texts,
            cache,
            threads=threads,
            progress=lambda done, all_of: report("embedding the catalogue", done, all_of),
        )

    rng = np.random.default_rng(SEED)
    static = artifact.kind == "static"
    chosen, student = chosen_catalogue(  # 1
        embed, corpus, teacher_vectors, rng, choice, whole=static
    )
    if clicks == "auto":  # 2
        report("what clicks say of items", 0, 1)
        chosen = blended(chosen, student, corpus, np.random.default_rng(SEED))
        report("what clicks say of items", 1, 1)
    metrics = chosen.metrics | _costs(embedder, corpus)
    baseline, said = _in_force(corpus, shelf, metrics, teacher_vectors, cache, threads)  # 3
    return Compared(Judged(metrics, baseline, gate), chosen.catalogue, [*chosen.why, said])


def _in_force(
    corpus: Corpus,
    shelf: Shelf,
    metrics: dict[str, float],
    teacher_vectors: FloatArray | None,
    cache: VectorCache | None,
    threads: int,
) -> tuple[dict[str, float], str]:
    """Figures of the release in force, and a sentence on where they come from."""
    release = in_force(shelf)
    if release is None:
        return {}, "compared with nothing: there is no release in force yet"
    try:
        stored = stored_artifact(shelf, release)
        measured = _measured_again(stored, release, corpus, teacher_vectors, cache, threads)
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
    cache: VectorCache | None,
    threads: int,
) -> dict[str, float]:
    reader = ReleaseEmbedder(stored)
    blend = read_blend(stored)
    catalogue = reader.embed(corpus.item_ids, corpus.texts)  # (n_items, dim)
    if blend is not None:
        catalogue = blend.text_of(catalogue)
    student = catalogue
    if release.catalogue != STUDENT:
        rows = np.flatnonzero(corpus.held_out)
        student = catalogue.copy()
        texts = [corpus.texts[row] for row in rows]
        student[rows] = vectors_of(of_embedder(reader.embedder), texts, cache, threads=threads)
    figures = judge_mixture(catalogue, student, corpus, teacher_vectors)
    if blend is not None:
        served = mixed(catalogue, student, corpus.held_out)
        figures = measured_again(served, figures, corpus, blend.share)
    return figures | _costs(reader.embedder, corpus)


def _costs(embedder: Embedder, corpus: Corpus) -> dict[str, float]:
    """What serving costs."""
    return {
        "bytes": float(embedder.artifact.model_bytes),
        "items_per_s": speed(embedder, corpus.texts),
    }
