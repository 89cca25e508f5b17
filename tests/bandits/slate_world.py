"""A small world for the tests of slates: seeded counts, a catalogue with vectors, and
shorthands.
"""

from __future__ import annotations

import numpy as np

from bandits.counts import Counts, zeros
from bandits.learning.priors import arm_view
from bandits.slates.config import SlateConfig
from bandits.slates.config_file import parse_config
from bandits.slates.serve import Catalogue, Request, prepare
from bandits.slates.snapshot_pools import Snapshot

NONE = np.zeros(0, dtype=np.int64)


def make_counts(
    n_items: int = 30, n_segments: int = 3, looks: float = 200.0, seed: int = 5
) -> Counts:
    """Counts of items with rates around 10%."""
    rng = np.random.default_rng(seed)
    shape = (n_segments, n_items)
    impressions = rng.poisson(looks, shape).astype(np.float64)
    clicks = rng.binomial(impressions.astype(np.int64), rng.beta(3, 27, n_items)).astype(np.float64)
    conversions = rng.binomial(clicks.astype(np.int64), 0.2).astype(np.float64)
    value = conversions * rng.uniform(5, 50, n_items)
    return zeros(*shape)._replace(
        impressions=impressions,
        clicks=clicks,
        conversions=conversions,
        value=value,
        examined=impressions.copy(),
    )


def make_catalogue(n_items: int = 30, seed: int = 6, dimensions: int = 8) -> Catalogue:
    """All available, five categories, random unit vectors, ages of up to four weeks."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n_items, dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Catalogue(
        available=np.ones(n_items, dtype=np.bool_),
        first_seen_s=-rng.uniform(0, 4 * 604_800, n_items),
        group=(np.arange(n_items) % 5).astype(np.int32),
        vectors=vectors,
    )


def make_snapshot(text: str = "", n_items: int = 30, seed: int = 7, **more: object) -> Snapshot:
    """Prepare segment 1 of the world under a policy file; `counts`, `catalogue`, `segment` replace
    its own.
    """
    counts = more.get("counts", make_counts(n_items))
    catalogue = more.get("catalogue", make_catalogue(n_items))
    return prepare(
        parse_config(text),
        counts,
        more.get("segment", 1),
        catalogue,
        0.0,
        np.random.default_rng(seed),
    )


def without_floor(text: str = "") -> str:
    """The policy file with no random slot: all slates are its policies' own."""
    table = "[exploration]\n"
    before, found, after = text.partition(table)
    return before + table + "floor = 0\n" + after if found else f"{text}\n{table}floor = 0\n"


def ask(k: int = 5, **more: object) -> Request:
    """A request with nothing excluded unless said."""
    return Request(
        k,
        more.get("candidates"),
        more.get("exclude", NONE),
        more.get("user"),
        more.get("objectives"),
    )


def make_arms(n_items: int = 30, **more: object):
    """The view of segment 1."""
    return arm_view(
        more.get("counts", make_counts(n_items)), 1, more.get("config", SlateConfig()).priors
    )
