"""ServedState: all that slates are made from, at one time. Nothing changes it: the next one takes
its place by reference, so any thread may answer from it.

    world      counts, catalogue, vectors and beliefs: what all segments share
    prepared   one segment of a world (`bandits.slates.refresh`), with its pools of draws
    unseen     what a segment without counts gets
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.counts import Counts
from bandits.learning.priors import Beliefs
from bandits.slates.config import SlateConfig
from bandits.slates.refresh import Learned, learned
from bandits.slates.request import Catalogue
from bandits.slates.snapshot_pools import Snapshot
from streams.serving.facets import Facets


class World(NamedTuple):
    """What all segments share, at one time; `counts_ts` is the time of the counts, `facets` are
    what filters ask of items.
    """

    learned: Learned
    encoder: str | None
    counts_ts: float
    facets: Facets

    @property
    def counts(self) -> Counts:
        """Copies: nothing changes them."""
        return self.learned.counts

    @property
    def catalogue(self) -> Catalogue:
        """The items."""
        return self.learned.catalogue

    @property
    def beliefs(self) -> Beliefs:
        """What was learned of both."""
        return self.learned.beliefs

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
    return World(learned(config, counts, catalogue), encoder, counts_ts, facets)


def numbers(found: Iterable[int | None]) -> NDArray[np.int64]:
    """Sorted item numbers, unknown names left out."""
    return np.array(sorted({number for number in found if number is not None}), dtype=np.int64)
