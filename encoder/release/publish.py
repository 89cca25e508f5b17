"""Publish an encoder: embed the catalogue, pass the gate, put the folder in its place, and say so
on Kafka.

    1. embed every item             with the code that workers use; unless the catalogue's vectors
                                    are there already, from this encoder or another one
    2. judge                        vectors and figures (`encoder.serving.gate`); on any reason
                                    stop, the release in force stays
    3. store                        model and embeddings in one folder under the releases, by
                                    content (`encoder.serving.artifact`)
    4. one transaction              the folder to `encoder-files`, all embeddings to
                                    `item-embeddings`, then the release record to
                                    `encoder-releases`

A crash before 4 leaves a folder that nobody names; a crash in 4 leaves nothing, because readers see
committed records only. To publish the same again is harmless: the folder has the same name, and the
record a later time.
"""

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from encoder.corpus.kafka_log import Record, Topics, write_transaction
from encoder.release.catalogue import Catalogue
from encoder.release.files import fetch, file_records
from encoder.release.shelf import Shelf, in_force
from encoder.serving.artifact import Artifact, ArtifactError, load
from encoder.serving.artifact_writing import link_files, sync, writing
from encoder.serving.blend import Blend, blended_config, write_blend
from encoder.serving.embed import Embedder
from encoder.serving.gate import metric_reasons, mixture_reasons, vector_reasons
from encoder.serving.stored_embeddings import Stored, write_embeddings
from encoder.serving.text import text_hash
from encoder.serving.wire import (
    PUBLISHED,
    STUDENT,
    Release,
    Thresholds,
    encode_record,
    encode_vector,
)
from encoder.serving.wire import ItemEmbedding as Embedding

Progress = Callable[[int, int], None]
EMBED_BATCH = 1_024  # texts between two reports of progress
# a release is in force by its time, so it must be later than the one before, whatever the clock
# says
NOT_NEWER_S = 0.001


class Outcome(NamedTuple):
    """The release that was published, or the reasons why none was."""

    release: Release | None
    reasons: list[str]


class Judged(NamedTuple):
    """Figures to publish: of the new encoder, and of the one in force on the same held-out set
    (empty for the first).
    """

    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    gate: Thresholds


def publish(
    artifact: Artifact,
    texts: Mapping[str, str],
    judged: Judged,
    shelf: Shelf,
    now_s: float,
    *,
    catalogue: Catalogue | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Outcome:
    """Publish an encoder, unless something stands against it.

    Parameters
    ----------
    artifact
        A `static` or `onnx` encoder.
    texts
        Text (`encoder.serving.text.item_text`) by item id: every item that the release must know.
    judged
        Figures and thresholds.
    shelf
        Where to.
    now_s
        Seconds since the epoch.
    catalogue
        Vectors in the order of the sorted ids, and who made them; None: `artifact` makes them now.
    threads
        For embedding.
    progress
        Called with the number of items embedded so far, and of all.

    Returns
    -------
    The release in force from now on, or the reasons against it; then nothing was written.

    Raises
    ------
    ArtifactError
        The encoder is broken.
    LogError
        Kafka did not take it; nothing was written.

    """
    made_by = STUDENT if catalogue is None else catalogue.made_by
    stored = (  # 1
        embed_catalogue(artifact, texts, threads, progress)
        if catalogue is None
        else _beside(texts, catalogue)
    )
    blend = None if catalogue is None else catalogue.blend
    dim = artifact.dim if blend is None else blend.dim
    reasons = vector_reasons(stored.ids, stored.matrix, dim, list(texts))  # 2
    reasons += metric_reasons(judged.metrics, judged.baseline, judged.gate)
    reasons += mixture_reasons(made_by, judged.metrics)
    if reasons:
        return Outcome(None, reasons)
    kept = store(artifact, stored, shelf.folder, judged.metrics, made_by, blend)  # 3
    release = send(kept, stored, judged, shelf, now_s, made_by=made_by)  # 4
    return Outcome(release, [])


def embed_catalogue(
    artifact: Artifact,
    catalogue: Mapping[str, str],
    threads: int = 1,
    progress: Progress | None = None,
) -> Stored:
    """Vectors of every item, in the order of the ids."""
    embedder = Embedder(artifact, threads)
    ids = sorted(catalogue)
    texts = [catalogue[item_id] for item_id in ids]
    parts = []
    for start in range(0, max(1, len(ids)), EMBED_BATCH):
        parts.append(embedder.embed(texts[start : start + EMBED_BATCH]))
        if progress:
            progress(min(start + EMBED_BATCH, len(ids)), len(ids))
    return Stored(ids, np.concatenate(parts), [text_hash(text) for text in texts])


def _beside(texts: Mapping[str, str], catalogue: Catalogue) -> Stored:
    """Vectors that are there already, with ids and hashes."""
    ids = sorted(texts)
    return Stored(ids, catalogue.vectors, [text_hash(texts[item_id]) for item_id in ids])


def store(
    artifact: Artifact,
    stored: Stored,
    folder: Path,
    metrics: Mapping[str, float],
    made_by: str = STUDENT,
    blend: Blend | None = None,
) -> Artifact:
    """Put model and embeddings into `folder`/VERSION, with the figures on its card, and who made
    the embeddings; with `blend` behind the model. The version is made from the content.
    """
    card = msgspec.structs.replace(
        artifact.card,
        metrics={**artifact.card.metrics, **metrics},
        notes={**artifact.card.notes, "catalogue": made_by},
    )
    building = folder / f".building-{artifact.version}"
    config = artifact.config if blend is None else blended_config(artifact.config, blend)
    with writing(building, config, card) as aside:
        link_files(artifact, aside)
        if blend is not None:
            write_blend(aside, blend)
        write_embeddings(aside, stored)
    built = load(building)
    place = folder / built.version
    if place.exists():
        # the same content was stored before, unless something broke it since
        with contextlib.suppress(ArtifactError):
            kept = load(place)
            shutil.rmtree(building)
            return kept
        shutil.rmtree(place)
    building.rename(place)
    sync(folder)
    return load(place)


def send(
    kept: Artifact,
    stored: Stored,
    judged: Judged,
    shelf: Shelf,
    now_s: float,
    status: str = PUBLISHED,
    made_by: str = STUDENT,
) -> Release:
    """Write folder, embeddings and release record in one transaction; gives back the record."""
    before = in_force(shelf)
    release = Release(
        version=kept.version,
        dim=kept.dim,
        items=len(stored.ids),
        artifact=kept.path.name,
        sha256=kept.sha256,
        created_s=max(now_s, before.created_s + NOT_NEWER_S) if before else now_s,
        metrics=dict(judged.metrics),
        previous=before.version if before else None,
        status=status,
        baseline=dict(judged.baseline),
        gate=judged.gate,
        catalogue=made_by,
        text_dim=kept.text_dim if kept.text_dim < kept.dim else 0,
    )
    write_transaction(
        shelf.client,
        f"{shelf.client.get('group.id', 'slatestream')}-encoder-publisher",
        itertools.chain(file_records(kept, shelf), _records(release, stored, shelf.topics)),
    )
    return release


def stored_artifact(shelf: Shelf, release: Release) -> Artifact:
    """The folder that a release names, checked against its hash; from Kafka if it is not here.

    Raises
    ------
    ArtifactError
        It is nowhere, or not what was published.
    LogError
        It is not here, and Kafka cannot be read.

    """
    if Path(release.artifact).name != release.artifact or release.artifact.startswith("."):
        msg = (
            f"release {release.version}: expected the name of a folder, found {release.artifact!r}"
        )
        raise ArtifactError(msg)
    folder = shelf.folder / release.artifact
    return load(folder, release.sha256) if folder.is_dir() else fetch(release, shelf)


def _records(release: Release, stored: Stored, topics: Topics) -> Iterator[Record]:
    for item_id, vector, text in zip(stored.ids, stored.matrix, stored.hashes, strict=True):
        embedding = Embedding(item_id, release.version, encode_vector(vector), text)
        yield Record(topics.item_embeddings, item_id, encode_record(embedding))
    yield Record(topics.encoder_releases, release.version, encode_record(release))
