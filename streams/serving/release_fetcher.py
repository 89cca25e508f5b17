"""ReleaseFetcher: the folder of a release that is not here is read from `encoder-files`.

Serving processes need it to embed new items, and share a disk with nobody. A thread reads the topic
and puts the folder under `SLATESTREAM_RELEASES_DIR`; the builder's thread takes it from there. What
this process fetched is removed when two later ones are in; folders of others are left alone.
"""

import logging
import queue
import shutil
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from encoder.serving.artifact import Artifact, ArtifactError
from encoder.serving.release_files import Receiving
from encoder.serving.wire import Release
from streams.kafka.admin import TopicsError
from streams.kafka.topic_reader import TopicReader
from streams.serving.embeddings import EmbeddingsView

log = logging.getLogger(__name__)

KEPT = 2  # folders that were fetched: the release in force, and the one before
AGAIN_S = 30.0  # until brokers that were away are asked again


class ReleaseFetcher:
    """Fetches what `EmbeddingsView.lacking` names.

    Parameters
    ----------
    vectors
        The builder's view; `turn` runs in the builder's thread.
    client, topic
        Brokers, and the full name of `encoder-files`.
    releases
        `SLATESTREAM_RELEASES_DIR`.
    """

    def __init__(
        self, vectors: EmbeddingsView, client: Mapping[str, Any], topic: str, releases: Path
    ) -> None:
        self._vectors = vectors
        self._client = client
        self._topic = topic
        self._releases = releases
        self._asked: dict[str, float] = {}  # version -> when it is asked for again
        self._wanted: queue.SimpleQueue[Release] = queue.SimpleQueue()
        self._found: queue.SimpleQueue[Artifact] = queue.SimpleQueue()
        self._passing: queue.SimpleQueue[Release] = queue.SimpleQueue()
        self._fetched: deque[Path] = deque()
        threading.Thread(target=self._run, name="releases", daemon=True).start()

    def turn(self, now_s: float) -> None:
        """Hand over what has come, and ask for what is lacking: once, and again after brokers were
        away.
        """
        while not self._found.empty():
            self._vectors.folder_came(self._found.get())
        while not self._passing.empty():
            self._asked[self._passing.get().version] = now_s + AGAIN_S
        release = self._vectors.lacking()
        if release is not None and self._asked.get(release.version, 0.0) <= now_s:
            self._asked[release.version] = float("inf")
            self._wanted.put(release)

    def _run(self) -> None:
        while True:
            release = self._wanted.get()
            try:
                self._found.put(self.fetch(release))
            except (ArtifactError, OSError) as error:
                log.error(
                    "release %s: no folder here, none from %s: %s; new items get no vector from "
                    "this process",
                    release.version,
                    self._topic,
                    error,
                )
            except (KafkaException, TopicsError) as error:
                log.warning("release %s: not read from %s: %s", release.version, self._topic, error)
                self._passing.put(release)

    def fetch(self, release: Release) -> Artifact:
        """Read the topic once, and put the folder of `release` in its place.

        Raises
        ------
        ArtifactError
            The topic does not hold it, or not whole.
        OSError
            The folder of releases cannot be written.
        KafkaException, TopicsError
            The topic cannot be read, or is not there.
        """
        with (
            Receiving(release, self._releases) as receiving,
            TopicReader(self._client, self._topic, undecided=True) as reader,
        ):
            for record in reader.until_end():
                receiving.add(record.key(), record.value())
            artifact = receiving.finish()
        log.info("release %s: folder read from %s", release.version, self._topic)
        if artifact.path not in self._fetched:
            self._fetched.append(artifact.path)
        while len(self._fetched) > KEPT:
            shutil.rmtree(self._fetched.popleft(), ignore_errors=True)
        return artifact
