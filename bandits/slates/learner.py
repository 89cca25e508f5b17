"""Learner: counts as they grow, and what is learned from them at a look.

    add(...)                 increments of (segment, item) pairs
    look(shape, now_s)       take them in
    learn(config, catalogue) what all segments share, for each policy file that is served

Of up to `bandits.learning.evidence.MOST_CELLS` pairs, seen or not, all is worked out anew at each
look; of more, running sums follow what changed (`bandits.learning.running_beliefs`). Running sums
do not know what the fields of segments say (`bandits.learning.field_effects`): where segments are
made of several, they take over at `MOST_FIELD_CELLS`, and between the two the looks that are no
evidence yet are spread over an item's segments, and no recent counts are kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.counts import Counts
from bandits.learning.evidence import Evidence, spread
from bandits.learning.places import PlaceCounts
from bandits.learning.priors import PriorConfig
from bandits.learning.recent_counts import COLUMNS
from bandits.learning.running_beliefs import ItemEvidence, believe
from bandits.learning.running_pool import RunningPool, begin, step
from bandits.slates.config import SlateConfig
from bandits.slates.refresh import Known, Learned, LearnedSums, learned
from bandits.slates.request import Catalogue
from bandits.sparse_counts import Ints, added, nothing, scaled

MOST_FIELD_CELLS = 10_000_000
MOST_WAITING = 500_000  # increments that wait for a look


class _Pool(NamedTuple):
    """The running pool of a prior, and the look it is of."""

    pool: RunningPool
    look: int


class Learner:
    """Not for several threads.

    Parameters
    ----------
    evidence
        What is kept beside the sums.
    discounted
        Whether increments hold five columns more, discounted to a common time.
    fields
        Whether segments are made of several fields.

    Attributes
    ----------
    counts
        As of the last look; nothing changes them.
    changed
        Segments that the last look brought something for.
    dense
        Counts (n_segments, n_items) of that look, None of more than `MOST_CELLS` pairs.

    """

    def __init__(self, evidence: Evidence, discounted: bool = False, fields: bool = False) -> None:
        self.evidence = evidence
        self.counts = nothing(2 * len(COLUMNS) if discounted else len(COLUMNS))
        self.changed: set[int] = set()
        self._most_dense = MOST_FIELD_CELLS if fields else 0
        self._before = self._latest = self.counts  # of the look before, and of the last
        self._waiting: list[tuple[Ints, Ints, Floats]] = []
        self._n_waiting = 0
        self._changed: set[int] = set()  # since the last look
        self._look = 0
        self.dense: Counts | None = None
        self._of_items = ItemEvidence(np.zeros(0))
        self._pools: dict[PriorConfig, _Pool] = {}
        self._vectors: int | None = None  # version that pools are learned from

    def add(self, segments: Ints, items: Ints, increments: Floats) -> None:
        """Increments (n, n_columns) of pairs (n,)."""
        self._waiting.append((segments, items, increments))
        self._n_waiting += items.size
        if self._n_waiting > MOST_WAITING:
            self._settle()

    def rescale(self, factor: float) -> None:
        """The common time of what is discounted moves."""
        self._settle()
        self.counts = scaled(self.counts, slice(len(COLUMNS), None), factor)
        self._changed.update(range(len(self.counts.segments)))

    def clear(self) -> None:
        """The log is read from its beginning: counts are none, what is kept beside them stays."""
        self._waiting, self._n_waiting = [], 0
        self.counts = nothing(self.counts.items.shape[0])
        self._pools = {}

    def look(self, shape: tuple[int, int], now_s: float, discount: float | None = None) -> None:
        """Take in what has come.

        Parameters
        ----------
        shape
            Segments and items that there are.
        now_s
            Seconds since the epoch; never earlier than before.
        discount
            What the discounted columns are worth now; None without.

        """
        self._settle(*shape)
        self._before, self._latest = self._latest, self.counts
        self.changed, self._changed = self._changed, set()
        self._look += 1
        self.evidence.reserve(shape)
        if self.evidence.by_item:
            pending, recent = self.evidence.of_items(shape[1], now_s)
            self._of_items, self.dense = ItemEvidence(pending, recent, discount), None
            if shape[0] * shape[1] > self._most_dense:
                return
        sums = self.counts.dense()
        fresh = None if discount is None else sums[len(COLUMNS) :] * discount
        if self.evidence.by_item:
            self.dense = spread(sums[: len(COLUMNS)], pending, fresh)
        else:
            self.dense = self.evidence.counts(sums[: len(COLUMNS)], now_s, fresh)

    def learn(
        self,
        config: SlateConfig,
        catalogue: Catalogue,
        codes: Ints | None = None,
        before: Known | None = None,
        vectors_version: int = 0,
        placed: PlaceCounts | None = None,
    ) -> Known:
        """What all segments share, as of the last look.

        Parameters
        ----------
        config, catalogue, codes, before
            The policy file, the items, what segments are made of, and what this returned last: as
            `learned` takes them.
        vectors_version
            Another one says that the catalogue's vectors are others.
        placed
            What was shown where (`learned`); running sums take every impression for a look.

        """
        if self.dense is not None:
            last = before if isinstance(before, Learned) else None
            return learned(config, self.dense, catalogue, codes, last, placed=placed)
        vectors = catalogue.learned_from
        own = self._pools.get(config.priors)
        if own is None or own.look < self._look - 1:
            pool = begin(self.counts, config.priors, vectors)
        elif own.look < self._look:
            renewed, self._vectors = self._vectors != vectors_version, vectors_version
            changed = sorted(self.changed)
            pool = step(
                own.pool,
                self._before,
                self.counts,
                changed,
                config.priors,
                vectors,
                renewed=renewed,
            )
        else:
            pool = own.pool
        self._pools[config.priors] = _Pool(pool, self._look)
        return LearnedSums(catalogue, believe(self.counts, pool, self._of_items))

    def _settle(self, n_segments: int = 0, n_items: int = 0) -> None:
        """Bring what waits into the counts."""
        parts = self._waiting or [
            (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, len(self.counts.items))))
        ]
        segments, items, increments = map(np.concatenate, zip(*parts, strict=True))
        shape = (
            max(n_segments, len(self.counts.segments), int(segments.max(initial=-1)) + 1),
            max(n_items, self.counts.n_items, int(items.max(initial=-1)) + 1),
        )
        self.counts, changed = added(self.counts, segments, items, increments, shape)
        self._changed.update(changed)
        self._waiting, self._n_waiting = [], 0
