"""Refresh: from counts to the snapshots that requests are served from, as a serving process does it
whenever counts have changed, and at most every `REFRESH_S`.

    1. evidence_of(config, window_s) -> Evidence                  once: what is kept beside the sums
    2. evidence.counts(sums, now_s) -> Counts                     at a refresh
    3. learned(config, counts, catalogue, codes) -> Learned        what all segments share
    4. segment_snapshot(config, learned, segment, ...) -> Snapshot  each segment that is asked for
    5. compose(snapshot, requests, rng)                           until the next refresh

The serving process and the simulator (`bandits.simulation.worker`) both go through here: what a
benchmark measures is what is served.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

import numpy as np

from bandits.arms import Floats
from bandits.counts import Counts
from bandits.learning.change_detection import RECENT_HALF_LIVES
from bandits.learning.evidence import Evidence
from bandits.learning.priors import Beliefs, learn
from bandits.learning.segment_fields import Ints
from bandits.slates.config import SlateConfig
from bandits.slates.request import Catalogue, Request
from bandits.slates.serve import compose, prepare
from bandits.slates.snapshot_pools import Snapshot

REFRESH_S = 0.5  # shorter would cost a busy process most of a core, longer loses clicks
NO_ITEMS = np.zeros(0, dtype=np.int64)


class Learned(NamedTuple):
    """What all segments share at one time; nothing changes it."""

    counts: Counts
    catalogue: Catalogue
    beliefs: Beliefs


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


def learned(
    config: SlateConfig, counts: Counts, catalogue: Catalogue, codes: Ints | None = None
) -> Learned:
    """Learn what all segments share.

    Parameters
    ----------
    config, counts, catalogue
        The policy file, and what there is.
    codes
        (n_segments, n_fields) values of the fields that segments are made of
        (`bandits.learning.segment_fields`); None where they are names.

    """
    vectors = cast("Floats | None", catalogue.vectors)
    beliefs = learn(counts, config.priors, vectors, codes=codes)
    return Learned(counts, catalogue, beliefs)


def segment_snapshot(
    config: SlateConfig,
    known: Learned,
    segment: int | None,
    now_s: float,
    rng: np.random.Generator,
    lengths: Iterable[int] = (),
    codes: Sequence[int] = (),
) -> Snapshot:
    """A segment's snapshot, with its pools for slates of these lengths; None is one without counts,
    of whose fields the values may be known (`codes`).

    A pool that cannot be made is left to the request that needs it, which says so.
    """
    snapshot = prepare(
        config, known.counts, segment, known.catalogue, now_s, rng, known.beliefs, codes
    )
    for length in lengths:
        try:
            compose(snapshot, [Request(length, None, NO_ITEMS)], rng)
        except Exception:  # a scorer that fails costs a fallback slate, not the state
            break
    return snapshot
