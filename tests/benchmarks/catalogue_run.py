"""One run on a whole catalogue: what a policy file, or a peer, earns where most items are hardly
ever clicked.

    rates      theta_i ~ Gamma(shape, mean / shape), at most 0.95; every place is examined
    refresh    counts are read anew every `refresh` requests, for ours and peers alike
    newcomers  at `arrive`, items of 1.3 times the rate of the k-th best join the catalogue

Ours is what a worker computes (`bandits.simulation.worker`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandits.simulation.simulate import Feedback, Shown
from bandits.simulation.worker import Worker
from bandits.slates.config_file import parse_config

HIGHEST = 0.95  # a gamma tail passes 1 now and then
LIFT = 1.3  # newcomers' rate over that of the k-th best
VISITS_PER_S = 1000.0  # a refresh every 500 requests is then one every half second


class CatalogueWorld(NamedTuple):
    """What the learner does not know: rates (n_segments, n_items), available from `arrives`
    (n_items,), newcomers (n_new,) among them, and vectors (n_items, d) or None.
    """

    rates: np.ndarray
    arrives: np.ndarray
    newcomers: np.ndarray
    vectors: np.ndarray | None


class Run(NamedTuple):
    """What came of it: expected clicks of every request (n_requests,), impressions (n_items,), and
    for each newcomer the requests from its arrival to its first impression, infinity without one.
    """

    clicks: np.ndarray
    impressions: np.ndarray
    found_after: np.ndarray


def make_world(
    n_items: int,
    shape: float,
    k: int,
    seed: int,
    *,
    n_new: int = 10,
    arrive: int = 0,
    mean: float = 0.02,
    n_segments: int = 1,
    vectors: str = "none",
) -> CatalogueWorld:
    """A catalogue; vectors are `none`, `useful` (they carry the logarithm of the rate up to a
    rest) or `useless`.
    """
    rng = np.random.default_rng([seed, 9])
    items = np.minimum(rng.gamma(shape, mean / shape, n_items), HIGHEST)  # (n_items,)
    lucky = min(LIFT * np.sort(items)[-k], HIGHEST)
    everybody = np.concatenate([items, np.full(n_new, lucky)])
    apart = rng.gamma(16, 1 / 16, (n_segments, everybody.size)) if n_segments > 1 else 1.0
    rates = np.minimum(everybody * apart * np.ones((n_segments, 1)), HIGHEST)
    arrives = np.concatenate([np.zeros(n_items), np.full(n_new, arrive)])
    return CatalogueWorld(
        rates, arrives, n_items + np.arange(n_new), make_vectors(everybody, vectors, rng)
    )


def make_vectors(rates: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray | None:
    """Unit rows of 16 dimensions, or None; `useful` ones have the first dimension for the rate."""
    if kind == "none":
        return None
    x = rng.normal(size=(rates.size, 16))
    if kind == "useful":
        standing = np.log(rates + 1e-4)
        x[:, 0] = 2 * (standing - standing.mean()) / standing.std()
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


class FileLearner:
    """A policy file, served as a worker serves it."""

    def __init__(self, text: str, world: CatalogueWorld, k: int) -> None:
        shape = (*world.rates.shape, k)
        self.worker = Worker(parse_config(text), shape, VISITS_PER_S, vectors=world.vectors)

    def choose(self, segments: np.ndarray, shown: np.ndarray, rng: np.random.Generator):
        """Slates (n, k)."""
        return np.stack([slate.items for slate in self.worker.serve(segments, shown, rng)])

    def learn(self, segments: np.ndarray, items: np.ndarray, clicked: np.ndarray) -> None:
        """Outcomes come in; they are read at the next refresh."""
        self.worker.shown(Shown(segments, items))
        self.worker.heard(Feedback(segments, items, clicked))


class PlainThompson:
    """The simplest textbook policy: Beta(1, 1) for every item of every segment."""

    alpha, beta = 1.0, 1.0

    def __init__(self, world: CatalogueWorld, k: int) -> None:
        self.k = k
        self.clicks, self.looks = np.zeros((2, *world.rates.shape))

    def choose(self, segments: np.ndarray, shown: np.ndarray, rng: np.random.Generator):
        """Slates (n, k), a draw for each."""
        out = np.empty((segments.size, self.k), dtype=np.int64)
        able = np.flatnonzero(shown)
        for segment in np.unique(segments):
            a = self.alpha + self.clicks[segment, able]
            b = self.beta + (self.looks - self.clicks)[segment, able]
            for chunk in np.array_split(np.flatnonzero(segments == segment), 8):
                score = rng.beta(a, b, (chunk.size, able.size))
                top = np.argpartition(-score, self.k, axis=1)[:, : self.k]
                out[chunk] = able[top]
        return out

    def learn(self, segments: np.ndarray, items: np.ndarray, clicked: np.ndarray) -> None:
        """Counts."""
        cells = np.broadcast_to(segments[:, None], items.shape), items
        np.add.at(self.looks, cells, 1.0)
        np.add.at(self.clicks, cells, clicked)


def follow(
    world: CatalogueWorld, learner, n_requests: int, seed: int, *, refresh: int = 500
) -> Run:
    """Serve a catalogue."""
    nature, own = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    n_segments, n_items = world.rates.shape
    clicks, impressions = np.empty(n_requests), np.zeros(n_items)
    found = np.full(world.newcomers.size, np.inf)
    for begin in range(0, n_requests, refresh):
        size = min(refresh, n_requests - begin)
        segments = nature.integers(n_segments, size=size)
        items = learner.choose(segments, world.arrives <= begin, own)  # (size, k)
        rates = world.rates[segments[:, None], items]
        clicks[begin : begin + size] = rates.sum(axis=1)
        learner.learn(segments, items, nature.random(items.shape) < rates)
        impressions += np.bincount(items.ravel(), minlength=n_items)
        for j in np.flatnonzero(np.isinf(found)):
            at = np.flatnonzero((items == world.newcomers[j]).any(axis=1))
            if at.size:
                found[j] = begin + at[0] - world.arrives[world.newcomers[j]]
    return Run(clicks, impressions, found)


def possible(world: CatalogueWorld, k: int, request: int) -> float:
    """Expected clicks of the best slate, over segments alike."""
    rates = np.where(world.arrives <= request, world.rates, 0.0)
    return float(np.sort(rates, axis=1)[:, -k:].sum(axis=1).mean())
