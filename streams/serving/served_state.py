"""ServedStates: what the requests of one segment share, made beside the event loop and handed over
when ready.

    world      counts, catalogue, vectors and beliefs at one time: what all segments share
    snapshot   one segment of a world (`bandits.slates.serve.prepare`)

When counts, items or vectors have changed, the next world and snapshots of the segments asked for
lately are made in a thread, at most every `REFRESH_S`, or `REFRESH_SHARE` times what the last one
took, whichever is more. Requests are answered from the old ones meanwhile: a large catalogue or a
new release costs freshness, not latency. Only a segment that was never asked for waits for its
snapshot, and a request that names items which are newer than the world.
"""

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.counts import Counts
from bandits.learning.priors import Beliefs, learn
from bandits.slates.config import SlateConfig
from bandits.slates.serve import Catalogue, prepare
from bandits.slates.snapshot_pools import Snapshot
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import CountsView
from streams.serving.embeddings import EmbeddingsView

REFRESH_S = 0.5
REFRESH_SHARE = 5.0
MAX_SNAPSHOTS = 2000  # segments held ready; the one not asked for longest goes first
# (segment, item) pairs held ready: a snapshot has some thirty arrays of n_items, so this is about 1
# GB
MAX_CELLS = 4_000_000


class World(NamedTuple):
    """What all segments share, at one time."""

    state: tuple[int, ...]  # versions of the views
    counts: Counts  # copies: nothing changes them
    catalogue: Catalogue
    beliefs: Beliefs
    encoder: str | None


class Prepared(NamedTuple):
    """A segment's snapshot and the world it belongs to."""

    snapshot: Snapshot
    world: World


class ServedStates:
    """Worlds and snapshots, newest ones first; all methods are called on the event loop."""

    def __init__(
        self,
        config: SlateConfig,
        counts: CountsView,
        catalogue: CatalogueView,
        vectors: EmbeddingsView,
        rng: np.random.Generator,
    ) -> None:
        self._config = config
        self._counts = counts
        self._catalogue = catalogue
        self._vectors = vectors
        self._rng = rng
        self._thread_rng = rng.spawn(1)[0]
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="snapshots")
        self._world: World | None = None
        self._prepared: dict[str, Prepared] = {}
        self._asked: set[str] = set()  # segments, since the world that is coming was begun
        self._coming: Future[tuple[World, dict[str, Prepared], float]] | None = None
        self._next_at_s = 0.0
        self._arrays: tuple[tuple[int, int], Catalogue] | None = None

    def get(self, segment: str, now_s: float, most_item: int = -1) -> Prepared:
        """The segment's snapshot; its world knows every item up to `most_item`."""
        self._turn(now_s)
        world = self._world
        if world is None or most_item >= world.counts.impressions.shape[1]:
            world = self._world = _world(*self._ingredients(now_s), self._config)
        held = self._prepared.pop(segment, None)
        if held is None or most_item >= held.world.counts.impressions.shape[1]:
            held = _prepare(
                self._config, world, self._counts.segments.get(segment), now_s, self._rng
            )
        self._prepared[segment] = held  # at the end: asked for last
        self._asked.add(segment)
        if len(self._prepared) > max(
            1, min(MAX_SNAPSHOTS, MAX_CELLS // max(1, world.counts.impressions.shape[1]))
        ):
            del self._prepared[next(iter(self._prepared))]
        return held

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _turn(self, now_s: float) -> None:
        """Take over what is ready; start the next if something changed and it is time."""
        if self._coming is not None and self._coming.done():
            self._world, made, took_s = self._coming.result()
            # segments that nobody asked for meanwhile are let go: the next request makes them
            # again, of the world of its time
            kept = {
                segment: held
                for segment, held in self._prepared.items()
                if segment in made or segment in self._asked
            }
            self._prepared = {segment: made.get(segment, held) for segment, held in kept.items()}
            self._coming = None
            self._next_at_s = now_s + max(REFRESH_S, REFRESH_SHARE * took_s)
        if (
            self._coming is None
            and self._world is not None
            and now_s >= self._next_at_s
            and self._state() != self._world.state
        ):
            segments = {
                segment: self._counts.segments.get(segment)
                for segment in self._asked
                if segment in self._prepared
            }
            self._asked = set()
            self._coming = self._thread.submit(
                _make, *self._ingredients(now_s), self._config, segments, now_s, self._thread_rng
            )

    def _state(self) -> tuple[int, ...]:
        return (
            self._counts.version,
            self._catalogue.version,
            self._vectors.version,
            len(self._counts.items),
        )

    def _ingredients(self, now_s: float) -> tuple[tuple[int, ...], Counts, Catalogue, str | None]:
        vectors = self._vectors.matrix()
        key = self._catalogue.version, len(self._counts.items)
        if self._arrays is None or self._arrays[0] != key:
            self._arrays = key, self._catalogue.catalogue(self._config.exclude, None)
        return (
            self._state(),
            self._counts.counts(now_s),
            self._arrays[1]._replace(vectors=vectors),
            self._vectors.encoder,
        )


def _world(
    state: tuple[int, ...],
    counts: Counts,
    catalogue: Catalogue,
    encoder: str | None,
    config: SlateConfig,
) -> World:
    beliefs = learn(counts, config.priors, cast("Floats | None", catalogue.vectors))
    return World(state, counts, catalogue, beliefs, encoder)


def _prepare(
    config: SlateConfig, world: World, segment: int | None, now_s: float, rng: np.random.Generator
) -> Prepared:
    known = segment if segment is not None and segment < world.counts.impressions.shape[0] else None
    return Prepared(
        prepare(config, world.counts, known, world.catalogue, now_s, rng, world.beliefs), world
    )


def _make(
    state: tuple[int, ...],
    counts: Counts,
    catalogue: Catalogue,
    encoder: str | None,
    config: SlateConfig,
    segments: dict[str, int | None],
    now_s: float,
    rng: np.random.Generator,
) -> tuple[World, dict[str, Prepared], float]:
    """In the thread: the next world and the snapshots of these segments."""
    began = time.perf_counter()
    world = _world(state, counts, catalogue, encoder, config)
    made = {
        segment: _prepare(config, world, number, now_s, rng) for segment, number in segments.items()
    }
    return world, made, time.perf_counter() - began


def numbers(found: Iterable[int | None]) -> NDArray[np.int64]:
    """Sorted item numbers, unknown names left out."""
    return np.array(sorted({number for number in found if number is not None}), dtype=np.int64)
