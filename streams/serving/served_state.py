"""ServedState: all that slates are made from, at one time. Nothing changes it: the next one takes
its place by reference, so any thread may answer from it.

    world      counts, catalogue, vectors and beliefs: what all segments share
    prepared   one segment of a world (`bandits.slates.serve.prepare`), with its pools of draws
    unseen     what a segment without counts gets
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.counts import Counts
from bandits.learning.priors import Beliefs, learn
from bandits.slates.config import SlateConfig
from bandits.slates.serve import Catalogue, Request, compose, prepare
from bandits.slates.snapshot_pools import Snapshot
from streams.serving.facets import Facets

NO_ITEMS = np.zeros(0, dtype=np.int64)


class World(NamedTuple):
    """What all segments share, at one time; `counts_ts` is the time of the counts, `facets` are
    what filters ask of items.
    """

    counts: Counts  # copies: nothing changes them
    catalogue: Catalogue
    beliefs: Beliefs
    encoder: str | None
    counts_ts: float
    facets: Facets

    @property
    def n_items(self) -> int:
        """Items that it knows."""
        return int(self.counts.impressions.shape[1])


class ServedState(NamedTuple):
    """A world and its segments.

    Attributes
    ----------
    number
        Of the states of this process, from 1.
    names
        Of items by column; may grow at its end.
    segments
        Numbers of the segments that have counts, by name.
    prepared
        Segments that were asked for; the builder adds others, and nothing leaves it.
    hidden
        Items that were withdrawn or made unavailable since.
    """

    number: int
    world: World
    names: Sequence[str]
    segments: dict[str, int]
    prepared: dict[str, Snapshot]
    unseen: Snapshot
    hidden: frozenset[int] = frozenset()


def make_world(
    counts: Counts,
    catalogue: Catalogue,
    facets: Facets,
    encoder: str | None,
    counts_ts: float,
    config: SlateConfig,
) -> World:
    """Learn what all segments share."""
    beliefs = learn(counts, config.priors, cast("Floats | None", catalogue.vectors))
    return World(counts, catalogue, beliefs, encoder, counts_ts, facets)


def prepare_segment(
    config: SlateConfig,
    world: World,
    segment: int | None,
    now_s: float,
    rng: np.random.Generator,
    lengths: Iterable[int] = (),
) -> Snapshot:
    """A segment's snapshot, with its pools for slates of these lengths; None is one without counts.

    A pool that cannot be made is left to the request that needs it, which says so.
    """
    snapshot = prepare(config, world.counts, segment, world.catalogue, now_s, rng, world.beliefs)
    for length in lengths:
        try:
            compose(snapshot, [Request(length, None, NO_ITEMS)], rng)
        except Exception:  # a scorer that fails costs a fallback slate, not the state
            break
    return snapshot


def numbers(found: Iterable[int | None]) -> NDArray[np.int64]:
    """Sorted item numbers, unknown names left out."""
    return np.array(sorted({number for number in found if number is not None}), dtype=np.int64)
