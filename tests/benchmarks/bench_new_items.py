"""New films among known ones, by their texts: `python -m tests.benchmarks new_items [options]`.

    --arrive N        visits before the new films come, and as many after (20000)
    --seeds N         runs of each (4)

The simulator plays the films of MovieLens-100K that have a record (`streams.demo.world`): real
texts, eight segments, click rates by real likes, slates of five. Every seventh film (those that a
corpus holds out) comes at half time. Encoders: none; S, the teacher compressed; `quick`; and S with
clicks blended in, the vectors that priors learn from (`Catalogue.prior_vectors`) and, to compare,
all of them.

`lost`: regret of the places where new films stood, over the first 50 impressions of each; `places`:
how many that were; `after`: regret of all places after they came, so that a policy which hides new
films is found out; `found`: of the new films among the 50 best of a segment, how many were shown 50
times.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from bandits.simulation.learner import CountsLearner, default_learner
from bandits.simulation.simulate import Shown, simulate
from bandits.simulation.world import World, slate_regret
from encoder.corpus.corpus import Corpus, build
from encoder.release.blending import fit, learned_share
from encoder.release.refresh import make_encoder
from encoder.release.refresh_config import Plan
from encoder.serving.embed import Embedder
from streams.demo.films import film_feedback
from streams.demo.world import make_world

PLACES = tuple(float(each) for each in 1 / np.log2(np.arange(5) + 2.0))
FIRST, BEST = 50, 50
BATCH = 256


class Watch:
    """A learner, and what becomes of the new films; a learner itself."""

    def __init__(self, learner: CountsLearner, world: World) -> None:
        self.name, self.start, self.choose = learner.name, learner.start, learner.choose
        self.learn, self._learner, self._world = learner.learn, learner, world
        self._new = world.arrives_at > 0
        self.impressions = np.zeros(self._new.size)
        self.visits, self.lost, self.places, self.after = 0, 0.0, 0, 0.0

    def note(self, state: Any, shown: Shown) -> Any:
        """Slates went out."""
        regret = slate_regret(self._world, self.visits, shown.segments, shown.items)
        if self.visits >= self._world.arrives_at.max():
            self.after += float(regret.sum())
        for item, lost in zip(shown.items.ravel(), regret.ravel(), strict=True):
            if self._new[item] and self.impressions[item] < FIRST:
                self.lost += lost
                self.places += 1
            self.impressions[item] += 1
        self.visits += shown.segments.size
        return self._learner.note(state, shown)

    def found(self) -> float:
        """Share of the good new films that were shown often."""
        best = np.unique(np.argsort(-self._world.rates, axis=1)[:, :BEST])
        good = best[self._new[best]]
        return float((self.impressions[good] >= FIRST).mean())


class Films(NamedTuple):
    """The world, and the same films as a corpus; both in the order of the ids."""

    world: World
    corpus: Corpus


def run(options: list[str]) -> dict[str, object]:
    """Measure, print a table, return what stands in it."""
    parser = argparse.ArgumentParser(prog="new_items")
    parser.add_argument("--arrive", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=4)
    asked = parser.parse_args(options)
    films = films_world(asked.arrive)
    rows = [
        played(name, vectors, films.world, asked.arrive, asked.seeds)
        for name, vectors in encoders(films.corpus).items()
    ]
    for row in rows:
        row["of none"] = row["lost"] / rows[0]["lost"]
    table = Table(*rows[0], title=f"new films, {asked.seeds} seeds")
    for row in rows:
        table.add_row(*(each if isinstance(each, str) else f"{each:,.3g}" for each in row.values()))
    Console().print(table)
    return {"new_items": rows}


def films_world(arrive: int) -> Films:
    """Films, visitors and rates of the demo; held-out ones come later."""
    played_films = make_world(np.random.default_rng(7))
    corpus = build(played_films.items, film_feedback())
    column = {item["item_id"]: at for at, item in enumerate(played_films.items)}
    rates = played_films.rates[:, [column[item_id] for item_id in corpus.item_ids]]
    visits = np.bincount(played_films.segment_of[played_films.order], minlength=len(rates))
    arrives_at = np.where(corpus.held_out, arrive, 0)
    share = visits / visits.sum()
    return Films(World("films", rates, share, np.array(PLACES), arrives_at=arrives_at), corpus)


def encoders(corpus: Corpus) -> dict[str, np.ndarray | None]:
    """Vectors (n_items, d) by name."""
    made: dict[str, np.ndarray | None] = {"none": None}
    with tempfile.TemporaryDirectory() as folder:
        for name, method in (("S", "compress"), ("quick", "quick")):
            place = Path(folder) / name
            place.mkdir()
            plan = Plan(method=method)  # type: ignore[arg-type]
            artifact = make_encoder(corpus, plan, place, place / "labels", lambda *_: None)
            made[name] = Embedder(artifact).embed(corpus.texts)
    texts = made["S"]
    share = learned_share(texts, corpus)
    fitted = fit(texts, corpus.held_out, corpus.training_events())
    made["S with clicks"] = fitted.texts
    made["S with clicks, priors of all numbers"] = fitted.vectors(share)
    return made


def played(
    name: str, vectors: np.ndarray | None, world: World, arrive: int, seeds: int
) -> dict[str, Any]:
    """One row: sums over the seeds, each the same visits for all encoders."""
    watched = []
    for seed in range(seeds):
        learner = default_learner(examination=PLACES, memories=(), vectors=vectors)
        watch = Watch(learner, world)
        simulate(world, watch, 2 * arrive, seed, largest=BATCH)
        watched.append(watch)
    return {
        "encoder": name,
        "lost": sum(each.lost for each in watched) / seeds,
        "places": sum(each.places for each in watched) / seeds,
        "found": sum(each.found() for each in watched) / seeds,
        "after": sum(each.after for each in watched) / seeds,
        "lost by seed": " ".join(f"{each.lost:.0f}" for each in watched),
        "after by seed": " ".join(f"{each.after:.0f}" for each in watched),
    }
