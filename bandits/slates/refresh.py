"""Refresh: from counts to the snapshots that requests are served from, as a serving process does it
whenever counts have changed, and at most every `REFRESH_S`.

    1. evidence_of(config, window_s) -> Evidence                  once: what is kept beside the sums
    2. evidence.counts(sums, now_s) -> Counts                     at a refresh
    3. learned(config, counts, catalogue, codes, places) -> Learned    what all segments share
    4. segment_snapshot(config, learned, segment, ...) -> Snapshot  each segment that is asked for
    5. compose(snapshot, requests, rng)                           until the next refresh

The serving process and the simulator (`bandits.simulation.worker`) both go through here: what a
benchmark measures is what is served.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.counts import Counts
from bandits.learning.change_detection import RECENT_HALF_LIVES
from bandits.learning.evidence import Evidence
from bandits.learning.places import (
    BANDS,
    PlaceCounts,
    Places,
    added_up,
    examined,
    learn_places,
)
from bandits.learning.position import examination_of
from bandits.learning.priors import Beliefs, learn, splits_of
from bandits.learning.running_beliefs import RunningBeliefs, of_segment
from bandits.learning.segment_fields import Ints
from bandits.learning.segment_groups import AGAIN, Groups, add_up, group
from bandits.slates.config import SlateConfig
from bandits.slates.request import Catalogue, Request
from bandits.slates.serve import compose, prepare
from bandits.slates.snapshot_pools import Snapshot, in_use

REFRESH_S = 0.5  # shorter would cost a busy process most of a core, longer loses clicks
NO_ITEMS = np.zeros(0, dtype=np.int64)


class Part(NamedTuple):
    """Counts and beliefs as `prepare` takes them for one segment."""

    counts: Counts
    segment: int | None
    beliefs: Beliefs
    totals: Counts


class Learned(NamedTuple):
    """What all segments share at one time; nothing changes it.

    Attributes
    ----------
    counts
        (n_segments, n_items).
    catalogue
        The items.
    beliefs
        What was learned of both, by group.
    grouped, groups
        Counts (n_groups, n_items) that are served from, and which segments they are of; None: each
        segment is one.
    places
        How often they are looked at, where that is learned; None: as configured.

    """

    counts: Counts
    catalogue: Catalogue
    beliefs: Beliefs
    grouped: Counts
    groups: Groups | None = None
    places: Places | None = None

    @property
    def n_segments(self) -> int:
        """Segments with counts."""
        return len(self.counts.impressions)

    def row(self, segment: int | None, codes: Sequence[int] = ()) -> int | None:
        """Row of `grouped` that a segment is served from; None: nobody has seen its like."""
        if self.groups is None:
            return segment
        if segment is not None:
            return int(self.groups.of[segment])
        return self.groups.find(codes) if codes else None

    def of(self, segment: int | None, codes: Sequence[int] = ()) -> Part:
        """What a segment's snapshot is made of."""
        return Part(self.grouped, self.row(segment, codes), self.beliefs, self.grouped)


class LearnedSums(NamedTuple):
    """The same from running sums, for counts of very many cells; each segment is its own group."""

    catalogue: Catalogue
    beliefs: RunningBeliefs

    @property
    def n_segments(self) -> int:
        """Segments with counts."""
        return len(self.beliefs.counts.segments)

    @property
    def groups(self) -> None:
        """None, as of a `Learned` without."""

    def of(self, segment: int | None, _codes: Sequence[int] = ()) -> Part:
        """What a segment's snapshot is made of."""
        counts, beliefs = of_segment(self.beliefs, segment)
        return Part(counts, None if segment is None else 0, beliefs, self.beliefs.totals)


Known = Learned | LearnedSums


def evidence_of(config: SlateConfig, window_s: float) -> Evidence:
    """What is kept beside the sums under a policy file.

    Parameters
    ----------
    config
        The policy file. subtle: its half-life is what its operator wants to forget by; else change
        is looked for.
    window_s
        Attribution window, in seconds.

    """
    return Evidence(window_s, RECENT_HALF_LIVES if config.half_life_s is None else ())


def examination_of_bands(config: SlateConfig, known: Known) -> Floats | None:
    """How often places are looked at, by band (`bandits.learning.places`): as learned, or as the
    policy file says; None: not known.
    """
    if config.examination is not None:
        return examination_of(np.array(BANDS), config.examination)
    places = None if isinstance(known, LearnedSums) else known.places
    return None if places is None else places.weights


def learned(
    config: SlateConfig,
    counts: Counts,
    catalogue: Catalogue,
    codes: Ints | None = None,
    before: Learned | None = None,
    *,
    placed: PlaceCounts | None = None,
) -> Learned:
    """Learn what all segments share.

    Parameters
    ----------
    config, counts, catalogue
        The policy file, and what there is.
    codes
        (n_segments, n_fields) values of the fields that segments are made of
        (`bandits.learning.segment_fields`); None where they are names.
    before
        What was learned last by the same file of the same fields: which fields are worth it is
        asked again when there is much more to learn it from.
    placed
        What was shown where, for a policy file that learns how often places are looked at: its
        counts have a look for each impression.

    """
    vectors = catalogue.learned_from
    places = None
    if config.examination is None and placed is not None:
        places = learn_places(*added_up(placed, counts.impressions.shape[1]))
        counts = examined(counts, placed, places.weights)
    if codes is None or codes.shape[1] < 2 or config.segments != "learn":
        beliefs = learn(counts, config.priors, vectors, codes=codes)
        return Learned(counts, catalogue, beliefs, counts, places=places)
    splits = None if before is None or before.groups is None else before.groups.splits
    looks = counts.examined - counts.pending
    if splits is None or looks.sum() > AGAIN * splits.looks:
        splits = splits_of(counts, config.priors, codes)
    groups = group(codes, splits)
    grouped = add_up(counts, groups)
    beliefs = learn(grouped, config.priors, vectors, codes=groups.codes)
    return Learned(counts, catalogue, beliefs, grouped, groups, places)


def segment_snapshot(
    config: SlateConfig,
    known: Known,
    segment: int | None,
    now_s: float,
    rng: np.random.Generator,
    lengths: Iterable[int] = (),
    codes: Sequence[int] = (),
    before: Snapshot | None = None,
) -> Snapshot:
    """A segment's snapshot, with its pools for slates of these lengths, and those that requests
    asked the snapshot `before` for; None is one without counts, of whose fields the values may be
    known (`codes`). It is the same for all segments of a group.

    A pool that cannot be made is left to the request that needs it, which says so.
    """
    part = known.of(segment, codes)
    snapshot = prepare(
        config,
        part.counts,
        part.segment,
        known.catalogue,
        now_s,
        rng,
        part.beliefs,
        codes,
        part.totals,
    )
    asked = [Request(length, None, NO_ITEMS) for length in lengths]
    for request in asked + ([] if before is None else in_use(before)):
        try:
            compose(snapshot, [request], rng)
        except Exception:  # a scorer that fails costs a fallback slate, not the state
            break
    snapshot.asked.clear()  # by this; from here on by requests
    return snapshot
