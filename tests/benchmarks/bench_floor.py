"""The exploration floor, and logs that slatestream made itself: what a floor costs, and what
`slatestream evaluate` then answers: `python -m tests.benchmarks floor [options]`.

    --worlds W ...     of `make bench NAME=regret`: plain tenth (plain)
    --kinds K ...      slots slates (both)
    --shares S ...     of slots, in percent (0 0.2 0.5 1 2); 0 is once without a floor
    --logs N           logs of each (3)
    --rows N           rows of a log (100000), half to learn from and half to judge on
    --estimators E ... snips balance dr
    --seed N           of the first log (0)

The shipped default file with that floor serves a world through `bandits.slates.refresh`, 1,000
requests a second, so counts are read anew every 500 requests. Six policies are judged on the
second half of its log, each fitted on the first: the default file itself, files of `thompson`,
`greedy` and `kl_ucb` alone, `softmax`, and uniform slates. A target's truth is known: its table
over the world's rates.
"""

from __future__ import annotations

import argparse
import itertools
import time
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from bandits.ope.ess import expected_rewards
from bandits.ope.estimate import Estimate
from bandits.ope.evaluate import evaluate
from bandits.ope.fit import counts_of
from bandits.ope.log import Log, Shape, split
from bandits.ope.reward_model import fit_reward_model
from bandits.ope.served import served
from bandits.ope.target import Target, from_policy, uniform
from bandits.policies.registry import POLICIES
from bandits.simulation.movielens import movielens
from bandits.simulation.own_log import own_log, worth
from bandits.simulation.world import World
from bandits.slates.config_file import parse_config

VISITS_PER_S = 1000.0
LARGEST = 256
SNAPSHOTS = 2  # of a target, whose truth is that of its own table
FILES = {"default": "", "thompson": "[policies.thompson]", "greedy": "[policies.greedy]"}
FILES |= {"kl_ucb": "[policies.kl_ucb]"}
TARGETS = (*FILES, "softmax", "uniform")


class Judged(NamedTuple):
    """One answer, or none: target, estimator, its truth, and the estimate."""

    target: str
    estimator: str
    truth: float
    estimate: Estimate | None


def run(options: list[str]) -> dict[str, object]:
    """Measure, print tables, return what stands in them."""
    asked = parse(options)
    rows = []
    for world in asked.worlds:
        for kind, share in itertools.product(asked.kinds, asked.shares):
            if share == 0 and kind != asked.kinds[0]:
                continue
            rows.append(row(asked, world, kind, share / 100))
            show(rows[-1:], asked)
    show(rows, asked)
    return {"rows": rows, "logs": asked.logs, "rows_of_a_log": asked.rows}


def parse(options: list[str]) -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(prog="floor")
    parser.add_argument("--worlds", nargs="+", choices=("plain", "tenth"), default=["plain"])
    kinds = ("slots", "slates")
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=list(kinds))
    parser.add_argument("--shares", type=float, nargs="+", default=[0, 0.2, 0.5, 1, 2])
    parser.add_argument("--logs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--estimators", nargs="+", default=["snips", "balance", "dr"])
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(options)


def row(asked: argparse.Namespace, name: str, kind: str, share: float) -> dict:
    """One floor in one world, over the logs."""
    world, start = movielens(name), time.process_time()
    text = f'[exploration]\nfloor = {share}\nfloor_of = "{kind}"\n'
    answers: list[Judged] = []
    regret = []
    for seed in range(asked.seed, asked.seed + asked.logs):
        n_slates = asked.rows // world.examination.size
        made = own_log(world, parse_config(text), n_slates, seed, VISITS_PER_S, LARGEST)
        regret.append(float(made.regret.sum()))
        answers += judge(world, made.log, text, seed, asked.estimators)
    figures = {
        f"{target}/{estimator}": summary(
            [a for a in answers if (a.target, a.estimator) == (target, estimator)]
        )
        for target, estimator in itertools.product(TARGETS, asked.estimators)
    }
    return {"world": name, "kind": kind, "share": share, "regret": regret, "figures": figures} | {
        "seconds": time.process_time() - start
    }


def judge(world: World, log: Log, floor: str, seed: int, estimators: list[str]) -> list[Judged]:
    """Judge every target on the second half of a log."""
    shape = Shape(*world.rates.shape[:1], world.examination.size, world.rates.shape[1])
    train, test = split(log, 0.5)
    rng = np.random.default_rng([seed, 2])
    targets = targets_of(train, shape, floor, rng)
    results = evaluate(
        test,
        targets,
        rng,
        estimators,
        fit_reward_model(train, shape),
        expected=expected_rewards(train),
    )
    segments = np.bincount(test.segment, minlength=shape.n_segments) / test.segment.size
    truth = {target.name: worth(world, target.table, segments) for target in targets}
    return [
        Judged(r.policy, r.estimator, truth[r.policy], r if isinstance(r, Estimate) else None)
        for r in results
    ]


def targets_of(train: Log, shape: Shape, floor: str, rng: np.random.Generator) -> list[Target]:
    """Make the six policies, fitted on the first half; the default has the log's own floor."""
    texts = {
        name: text + "\n" + (floor if name == "default" else "") for name, text in FILES.items()
    }
    made = [
        served(name, parse_config(text), train, shape, rng, n_snapshots=SNAPSHOTS)
        for name, text in texts.items()
    ]
    softmax = from_policy(POLICIES["softmax"](), counts_of(train, shape), shape, rng)
    return [*made, softmax, uniform(shape)]


def summary(answers: list[Judged]) -> dict[str, float]:
    """How often answered; of those: intervals that hold, their half-width and the mean error, in
    parts of the truth.
    """
    kept = [(a.truth, a.estimate) for a in answers if a.estimate is not None]
    if not kept:
        return {"answered": 0.0, "held": np.nan, "half": np.nan, "error": np.nan}
    return {
        "answered": len(kept) / len(answers),
        "held": float(np.mean([e.low <= t <= e.high for t, e in kept])),
        "half": float(np.mean([(e.high - e.low) / 2 / t for t, e in kept])),
        "error": float(np.mean([e.value / t - 1 for t, e in kept])),
    }


def show(rows: list[dict], asked: argparse.Namespace) -> None:
    """One line per floor and estimator: answered, held, half-width of every target."""
    table = Table("world", "floor", "regret", "estimator", *TARGETS, title="answered, held, +-")
    for one in rows:
        for estimator in asked.estimators:
            cells = []
            for target in TARGETS:
                f = one["figures"][f"{target}/{estimator}"]
                cells.append(
                    f"{f['answered']:.0%} {f['held']:.1%} {f['half']:.1%} {f['error']:+.1%}"
                )
            kind = f"{one['share']:.1%} {one['kind']}"
            table.add_row(one["world"], kind, f"{np.mean(one['regret']):,.0f}", estimator, *cells)
    Console(width=170).print(table)
