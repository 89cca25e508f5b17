"""One run of the context benchmark:
`python -m tests.benchmarks.context_run LEARNER SEED REQUESTS OUT.json [JSON OF OPTIONS]`.

    fields     six of 2 to 50 values, Zipf-distributed shares, independent of each other; two matter
    rates      logit = item + u[value of one, item] + u[value of the other, item]
                       + rest[both values, item], all normal
    segments   the first `LIMIT` combinations are counted by name, as a worker counts them; others
               are counted under `other`
    refresh    every 500 requests, and every 2% of them from 25,000 on, for ours and peers alike

Run by the Python that has the learner's library; needs NumPy and this repository.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bandits.simulation.simulate import Feedback, Shown
from bandits.simulation.worker import Worker
from bandits.slates.config_file import parse_config

SIZES = (2, 3, 5, 8, 20, 50)
MATTER = (2, 4)
LIMIT = 10_000  # SLATESTREAM_MAX_SEGMENTS, as shipped
REFRESH, REFRESH_SHARE = 500, 50  # requests; and one in so many of those before
VISITS_PER_S = 1000.0  # a refresh every 500 requests is then one every half second


class ContextWorld(NamedTuple):
    """Rates (n_values, n_values, n_items) by the two fields that matter, shares of values by field,
    and the length of slates.
    """

    rates: np.ndarray
    shares: tuple[np.ndarray, ...]
    k: int

    def rates_of(self, codes: np.ndarray) -> np.ndarray:
        """(n, n_items) of requests with these values."""
        return self.rates[codes[:, MATTER[0]], codes[:, MATTER[1]]]

    def possible(self) -> float:
        """Expected clicks of the best slate, over requests."""
        best = np.sort(self.rates, axis=2)[:, :, -self.k :].sum(axis=2)
        share = self.shares[MATTER[0]][:, None] * self.shares[MATTER[1]]
        return float((best * share).sum())


def make_world(
    seed: int,
    n_items: int = 1000,
    k: int = 5,
    *,
    mean: float = -3.5,
    spread: float = 0.8,
    rest: float = 0.2,
    zipf: float = 1.0,
) -> ContextWorld:
    """A world; larger `spread`: context says more, larger `rest`: more that is no sum of values."""
    rng = np.random.default_rng([seed, 17])
    a, b = (SIZES[f] for f in MATTER)
    logit = (
        rng.normal(mean, 0.7, n_items)
        + rng.normal(0, spread, (a, 1, n_items))
        + rng.normal(0, spread, (1, b, n_items))
        + rng.normal(0, rest, (a, b, n_items))
    )
    shares = [np.arange(1, size + 1) ** -zipf for size in SIZES]
    return ContextWorld(1 / (1 + np.exp(-logit)), tuple(share / share.sum() for share in shares), k)


class Ours:
    """A policy file served as a worker serves it.

    Parameters
    ----------
    text
        The policy file.
    fields
        Of which segments are made; none: one segment for all.
    named
        Whether segments are names, of which the fields are not read.

    """

    def __init__(
        self, text: str, fields: tuple[int, ...] = tuple(range(len(SIZES))), named: bool = False
    ) -> None:
        self.text, self.fields, self.named = text, list(fields), named

    def start(self, codes: np.ndarray, n_items: int, k: int) -> None:
        """`codes` of all requests to come: names are given in the order they come."""
        own = codes[:, self.fields]
        keys, first, of = np.unique(own, axis=0, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        numbers = rank[of.ravel()]
        by_name = min(LIMIT, len(keys))
        self.number = np.where(numbers < by_name, numbers, -1)  # (n_requests,)
        table = np.full((by_name + 1, len(self.fields)), -1)  # the last is `other`
        table[rank[rank < by_name]] = keys[rank < by_name]
        self.at, self.own = 0, own
        self.worker = Worker(
            parse_config(self.text),
            (by_name + 1, n_items, k),
            VISITS_PER_S,
            codes=None if self.named or len(self.fields) < 2 else table,
        )
        self.shown = np.ones(n_items, dtype=np.bool_)

    def choose(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Slates (n, k)."""
        now = slice(self.at, self.at + len(codes))
        segments, own = self.number[now], self.own[now]
        if self.worker.codes is None:
            segments = np.where(segments < 0, self.worker.shape[0] - 1, segments)
        slates = self.worker.serve(segments, self.shown, rng, own)
        return np.stack([slate.items for slate in slates])

    def learn(self, codes: np.ndarray, items: np.ndarray, clicked: np.ndarray) -> None:
        """Outcomes come in; they are read at the next refresh."""
        segments = self.number[self.at : self.at + len(codes)]
        segments = np.where(segments < 0, self.worker.shape[0] - 1, segments)
        self.worker.shown(Shown(segments, items))
        self.worker.heard(Feedback(segments, items, clicked))
        self.at += len(codes)


OURS = {
    "ours": lambda: Ours(""),
    "ours, all combinations": lambda: Ours('segments = "all"'),
    "ours, told": lambda: Ours('segments = "all"', MATTER),
    "ours, one global": lambda: Ours("", ()),
    "ours, combinations as names": lambda: Ours("", named=True),
}


def learner_of(name: str):
    """Ours by name; every other name is a peer."""
    if name in OURS:
        return OURS[name]()
    from tests.benchmarks.context_peers import PEERS

    return PEERS[name]()


def follow(world: ContextWorld, learner, n_requests: int, seed: int) -> np.ndarray:
    """Serve requests; expected clicks of each, (n_requests,)."""
    nature, own = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    codes = np.stack([nature.choice(s.size, n_requests, p=s) for s in world.shares], axis=1)
    learner.start(codes, world.rates.shape[2], world.k)
    out = np.empty(n_requests)
    begin = 0
    while begin < n_requests:
        end = begin + max(REFRESH, begin // REFRESH_SHARE)
        now = codes[begin:end]
        items = learner.choose(now, own)  # (n, k)
        rates = np.take_along_axis(world.rates_of(now), items, axis=1)
        out[begin:end] = rates.sum(axis=1)
        learner.learn(now, items, nature.random(items.shape) < rates)
        begin = end
    return out


def main(arguments: list[str]) -> None:
    """Run and write the means of twenty stretches, the possible, and the seconds."""
    name, seed, n_requests, out = arguments[:4]
    warnings.simplefilter("ignore")  # the peers' own
    start = time.process_time()
    world = make_world(int(seed), **json.loads(arguments[4]) if arguments[4:] else {})
    learner = learner_of(name)
    clicks = follow(world, learner, int(n_requests), int(seed))
    result = {
        "clicks": [float(part.mean()) for part in np.array_split(clicks, 20)],
        "possible": world.possible(),
        "seconds": time.process_time() - start,
    }
    groups = getattr(getattr(getattr(learner, "worker", None), "known", None), "groups", None)
    if groups is not None:
        result["apart"] = [f for f, apart in enumerate(groups.splits.apart) if apart]
    part = Path(f"{out}.part")
    part.write_text(json.dumps(result))
    part.rename(out)


if __name__ == "__main__":
    main(sys.argv[1:])
