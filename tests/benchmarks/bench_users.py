"""Users with tastes who tire: `python -m tests.benchmarks users [options]`.

    --slates N        of a run (25600): 64 users at a time, sessions of 100 slates
    --seeds N         runs of each (3); intervals are 95% of the mean, by Student's t
    --learners L ...  by name, as in the table
    --jobs N          runs side by side (1)
    --fresh           do not reuse the runs that lie in build/bench/users
    --cost            what a slate costs instead, CPU of one thread

The world stands in `bandits.simulation.user_world`, what is served in `users_run`: policy files, by
the worker's own entry (`bandits.simulation.worker`). The share is that of the way from random
slates to those of a one-step oracle, which knows tastes, rates and tiredness.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bandits.counts import zeros
from bandits.learning.user_effects import NO_EFFECTS, UserEffects
from bandits.learning.user_history import Histories
from bandits.slates.config import DEFAULT
from bandits.slates.refresh import NO_ITEMS
from bandits.slates.request import Catalogue, Request, User
from bandits.slates.serve import compose, prepare
from tests.benchmarks.bench_regret import interval
from tests.benchmarks.users_run import LEARNERS, USELESS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "bench" / "users"
Row = dict[str, object]


def run(options: list[str]) -> dict[str, object]:
    """Measure, print one table, return what stands in it."""
    asked = parse(options)
    if asked.cost:
        rows = [cost(n, d) for n in (1000, 100_000) for d in (64, 384)]
        Console(width=130).print(*(json.dumps(row) for row in rows), sep="\n")
        return {"rows": rows}
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys(["random", "oracle", *asked.learners])
    wanted = [(name, seed) for name in names for seed in range(asked.seeds)]
    with ThreadPoolExecutor(asked.jobs) as pool:
        found = list(pool.map(lambda each: one(*each, asked.slates, fresh=asked.fresh), wanted))
    rows = {name: [] for name in names}
    for (name, _), result in zip(wanted, found, strict=True):
        rows[name].append(result)
    show(rows)
    return {"rows": [{"learner": name, "runs": runs} for name, runs in rows.items()]}


def parse(options: list[str]) -> argparse.Namespace:
    """Options."""
    every = (*LEARNERS, *USELESS)
    parser = argparse.ArgumentParser(prog="users")
    parser.add_argument("--slates", type=int, default=25_600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--learners", nargs="+", choices=every, default=every)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--cost", action="store_true")
    return parser.parse_args(options)


def one(name: str, seed: int, n_slates: int, *, fresh: bool) -> Row:
    """One run, or what lies there of it."""
    out = FOLDER / f"{name.replace(', ', '_').replace(' ', '_')}-{n_slates}-{seed}.json"
    if fresh or not out.exists():
        command = [sys.executable, "-m", "tests.benchmarks.users_run", name, str(seed)]
        one_thread = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        arguments = [*command, str(n_slates), str(out)]
        subprocess.run(arguments, cwd=ROOT, env=os.environ | one_thread, check=True)
    return dict(json.loads(out.read_text()))


def show(rows: dict[str, list[Row]]) -> None:
    """One line per learner."""
    table = Table("learner", "clicks per slate", "last tenth", "share of the way", "CPU s a run")
    ends = {name: np.array([last(each) for each in runs]) for name, runs in rows.items()}
    for name in sorted(rows, key=lambda name: -ends[name].mean()):
        whole, half = interval([float(np.mean(each["clicks"])) for each in rows[name]])
        end, end_half = interval(ends[name].tolist())
        way = (ends[name] - ends["random"]) / (ends["oracle"] - ends["random"])
        share, share_half = interval(way.tolist())
        table.add_row(
            name,
            f"{whole:.3f} ± {half:.3f}",
            f"{end:.3f} ± {end_half:.3f}",
            f"{share:.2f} ± {share_half:.2f}",
            f"{np.mean([each['seconds'] for each in rows[name]]):,.0f}",
        )
    Console(width=130).print(table)


def last(run: Row) -> float:
    """Clicks per slate in the last tenth."""
    return float(np.mean(run["clicks"][-2:]))  # type: ignore[index]


def cost(n_items: int, dimensions: int, repeats: int = 300) -> Row:
    """Microseconds of CPU of a slate of ten: of nobody, of a user of whom nothing was learned, and
    of one of whom all three effects were; and of the first of these in a snapshot.
    """
    rng = np.random.default_rng(0)
    looks = rng.gamma(0.3, 1000, (1, n_items)).round()
    clicks = rng.binomial(looks.astype(int), rng.gamma(0.3, 0.07, (1, n_items)).clip(0, 0.5))
    counts = zeros(1, n_items)._replace(
        impressions=looks, examined=looks, clicks=clicks.astype(np.float64)
    )
    x = rng.normal(size=(n_items, dimensions)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    unknown, alone = np.full(n_items, np.nan), np.full(n_items, -1, dtype=np.int32)
    catalogue = Catalogue(np.ones(n_items, dtype=np.bool_), unknown, alone, x)
    snapshot = prepare(DEFAULT, counts, 0, catalogue, 1e9, rng)
    histories = Histories()
    for _ in range(12):
        histories.seen("user", rng.integers(0, n_items, 10).tolist(), 1e9)
        histories.clicked("user", int(rng.integers(n_items)))
    history = histories.of("user", 1e9)
    assert history is not None
    plain = Request(10, None, NO_ITEMS)
    all_three = UserEffects(np.array([1.5, -0.1, -2.0]), np.zeros(3))
    asked = {
        "nobody": plain,
        "nothing learned": plain._replace(user=User(history, NO_EFFECTS)),
        "user": plain._replace(user=User(history, all_three)),
    }
    row: Row = {"items": n_items, "dimensions": dimensions}
    for name, request in asked.items():
        began = time.process_time()
        compose(snapshot, [request], rng)
        if name == "user":
            row["first"] = round(1e6 * (time.process_time() - began))
        began = time.process_time()
        for _ in range(repeats):
            compose(snapshot, [request], rng)
        row[name] = round(1e6 * (time.process_time() - began) / repeats)
    return row
