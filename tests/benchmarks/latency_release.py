"""Encoder releases for the latency benchmark: two encoders of its catalogue, published in turn."""

import pathlib
import time
from collections.abc import Mapping
from typing import Any

from encoder.corpus.teacher import packaged_teacher
from encoder.release.publish import Judged, publish
from encoder.release.shelf import Shelf
from encoder.serving.artifact import Artifact
from encoder.serving.text import item_text
from encoder.serving.wire import Thresholds
from encoder.training.closed_form import quick
from streams.contract.topics import TopicNames

DIMS = 64, 48
TOKENS = 4_000


class Releases:
    """Two artifacts and where they go.

    Raises
    ------
    FileNotFoundError
        The teacher is not installed.
    """

    def __init__(
        self, client: Mapping[str, Any], folder: pathlib.Path, items: list[dict[str, Any]]
    ) -> None:
        teacher = packaged_teacher()
        self._artifacts: list[Artifact] = [
            quick(items, teacher, folder / f"encoder-{dim}", dim=dim, tokens=TOKENS) for dim in DIMS
        ]
        self._texts = {item["item_id"]: item_text(item) for item in items}
        self._shelf = Shelf(client, TopicNames(), folder)
        self._published = 0

    def publish(self) -> str:
        """Publish the one that is not in force; its version."""
        artifact = self._artifacts[self._published % len(self._artifacts)]
        judged = Judged({}, {}, Thresholds())
        outcome = publish(artifact, self._texts, judged, self._shelf, time.time())
        if outcome.release is None:
            raise RuntimeError(f"the release was refused: {'; '.join(outcome.reasons)}")
        self._published += 1
        return outcome.release.version
