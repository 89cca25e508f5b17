"""Every policy, objective, combiner and diversity method makes a slate in every state of a service:
no items, few, no vectors, some, none eligible, no counts, counts of items that are gone.
"""

import itertools

import numpy as np
import pytest

from bandits.counts import Counts, zeros
from bandits.learning.user_effects import UserEffects
from bandits.learning.user_history import Histories
from bandits.policies.registry import POLICIES
from bandits.slates.combine import COMBINERS
from bandits.slates.config_file import parse_config
from bandits.slates.diversity import DIVERSITY
from bandits.slates.objectives import OBJECTIVES
from bandits.slates.request import Catalogue, Request, User
from bandits.slates.serve import compose, prepare

NOW_S, K = 1e9, 4
NONE = np.zeros(0, dtype=np.int64)


def counts_of(n: int, seen: bool) -> Counts:
    found = zeros(2, n)
    if seen:
        found.impressions[0, ::2] = found.examined[0, ::2] = 100
        found.clicks[0, ::2] = found.value[0, ::2] = np.arange(found.clicks[0, ::2].size) % 7
        found.conversions[0, ::4] = 1
    return found


def vectors_of(n: int, kind: str) -> np.ndarray | None:
    if kind == "none":
        return None
    rows = np.random.default_rng(1).normal(size=(n, 3)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    if kind == "some":
        rows[::2] = 0
    return rows * (kind != "zero")


def catalogue_of(n: int, kind: str, available: str) -> Catalogue:
    shown = np.ones(n, dtype=np.bool_)
    if available == "nothing":
        shown[:] = False
    elif available == "the unseen":  # counts of items that are gone
        shown[::2] = False
    first_seen_s = np.where(np.arange(n) % 3 == 0, np.nan, NOW_S - 100.0)
    return Catalogue(
        shown, first_seen_s, (np.arange(n) % 3 - 1).astype(np.int32), vectors_of(n, kind)
    )


def known_of(n: int) -> User:
    """A user who was shown everything and clicked the first."""
    histories = Histories()
    histories.seen("anna", range(n), 0.0)
    if n:
        histories.clicked("anna", 0)
    history = histories.of("anna", 1.0)
    assert history is not None
    return User(history, UserEffects(np.array([2.0, -1.0, -3.0]), np.zeros(3)))


FILES = (
    [f"[policies.{name}]\nweight = 1.0" for name in POLICIES]
    + [f"[objectives]\nclick = 1.0\n{name} = 1.0" for name in OBJECTIVES if name != "click"]
    + [f"[objectives]\n{name} = 1.0" for name in OBJECTIVES]
    + [
        f'combiner = "{name}"\n[objectives]\nclick = 1.0\nvalue = 1.0\nfreshness = 1.0'
        for name in COMBINERS
    ]
    + [f'[diversity]\nkind = "{name}"\nstrength = 0.5' for name in DIVERSITY]
    + ["[exposure]\nmax_per_category = 1", "[exploration]\nfloor = 0.1", "[repeats]\ncap = 1"]
)
STATES = [
    (n, seen, kind, available)
    for n, seen, kind, available in itertools.product(
        (0, 1, 3, 40), (False, True), ("none", "some", "zero"), ("all", "nothing", "the unseen")
    )
]


@pytest.mark.parametrize("file", FILES)
def test_a_slate_of_what_is_eligible_comes_in_every_state(file: str) -> None:
    config, rng = parse_config(file), np.random.default_rng(3)
    for n, seen, kind, available in STATES:
        catalogue = catalogue_of(n, kind, available)
        user = None if catalogue.vectors is None else np.array([1, 0, 0], dtype=np.float32)
        everything = np.arange(n, dtype=np.int64)
        requests = [
            Request(K, None, NONE),
            Request(K, None, NONE, user),
            Request(K, None, NONE, user, user=known_of(n)),
            Request(K, everything[1:], everything[:1], user=known_of(n)),
            Request(K, everything[:2], NONE),
            Request(K, None, everything),
            Request(0, None, NONE),
        ]
        for segment in (0, None):
            snapshot = prepare(config, counts_of(n, seen), segment, catalogue, NOW_S, rng)
            for request, slate in zip(requests, compose(snapshot, requests, rng), strict=True):
                state = (n, seen, kind, available, segment, request)
                eligible = catalogue.available.copy()
                if request.candidates is not None:
                    eligible &= np.isin(everything, request.candidates)
                eligible[request.exclude] = False
                assert eligible[slate.items].all(), state
                assert len(set(slate.items.tolist())) == slate.items.size, state
                if config.exposure.max_per_category is None:
                    assert slate.items.size == min(request.k, eligible.sum()), state
                assert np.isfinite(slate.scores).all(), state
                assert ((slate.propensities > 0) & (slate.propensities <= 1)).all(), state
