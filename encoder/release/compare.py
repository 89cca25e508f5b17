"""Measure a new encoder and the release in force on the same held-out items and events.

Figures of two days are not comparable: events and items have changed. So the release in force is
measured again, from its folder. Only where that is gone do the figures of its record stand in, for
the metrics that were measured now.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import Corpus
from encoder.release.evaluate import evaluate
from encoder.release.publish import Judged, stored_artifact
from encoder.release.shelf import Shelf, in_force
from encoder.serving.artifact import Artifact, ArtifactError
from encoder.serving.wire import Thresholds

FloatArray = NDArray[np.float32]


class Compared(NamedTuple):
    """Figures for the gate, and one sentence on what the baseline is."""

    judged: Judged
    baseline: str


def compare(
    artifact: Artifact,
    corpus: Corpus,
    shelf: Shelf,
    gate: Thresholds,
    teacher_vectors: FloatArray | None = None,
    threads: int = 1,
) -> Compared:
    """Measure both.

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
        (n_items, dim of the teacher); without them there is no recall.
    threads
        For embedding.

    """
    metrics = evaluate(artifact, corpus, teacher_vectors, threads)
    release = in_force(shelf)
    if release is None:
        return Compared(Judged(metrics, {}, gate), "there is no release in force yet")
    try:
        stored = stored_artifact(shelf, release)
        measured = evaluate(stored, corpus, teacher_vectors, threads)
    except ArtifactError as error:
        published = {name: value for name, value in release.metrics.items() if name in metrics}
        said = (
            f"release {release.version} cannot be measured again ({error}); its published figures "
            "stand in"
        )
        return Compared(Judged(metrics, published, gate), said)
    return Compared(
        Judged(metrics, measured, gate),
        f"release {release.version}, measured on the same items and events",
    )
