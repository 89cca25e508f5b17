"""Whole catalogues, long tails and new items: `python -m tests.benchmarks catalogue [options]`.

    --shapes S ...    shapes of the gamma law of rates (0.15); smaller is a longer tail
    --items N ...     items (5000)
    --vectors V ...   none useful useless (none)
    --segments N ...  segments (1)
    --requests N      before the new items come (150000)
    --after N         requests with them (50000)
    --seeds N         runs of each (3); intervals are 95% of the mean, by Student's t
    --learners L ...  default thompson kl_ucb, or the plain peer beta11

The shipped default and other policy files are served as a worker serves them, with a refresh every
500 requests. beta11 is Thompson sampling with
Beta(1, 1) per item, a draw for every request.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.benchmarks.bench_regret import interval
from tests.benchmarks.catalogue_run import (
    FileLearner,
    PlainThompson,
    follow,
    make_world,
    possible,
)

K = 10
FILES = {"default": "", "thompson": "[policies.thompson]", "kl_ucb": "[policies.kl_ucb]"}
N_NEW = 10


def run(options: list[str]) -> dict[str, object]:
    """Measure, print one table, return what stands in it."""
    asked = parse(options)
    rows = []
    for shape, n_items, vectors, n_segments in itertools.product(
        asked.shapes, asked.items, asked.vectors, asked.segments
    ):
        for name in asked.learners:
            runs = [
                one(asked, shape, n_items, vectors, n_segments, name, s) for s in range(asked.seeds)
            ]
            rows.append(
                {"shape": shape, "items": n_items, "vectors": vectors, "segments": n_segments}
                | {"learner": name, "runs": runs}
            )
    show(rows)
    return {"rows": rows}


def parse(options: list[str]) -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(prog="catalogue")
    parser.add_argument("--shapes", type=float, nargs="+", default=[0.15])
    parser.add_argument("--items", type=int, nargs="+", default=[5_000])
    parser.add_argument(
        "--vectors", nargs="+", choices=("none", "useful", "useless"), default=["none"]
    )
    parser.add_argument("--segments", type=int, nargs="+", default=[1])
    parser.add_argument("--requests", type=int, default=150_000)
    parser.add_argument("--after", type=int, default=50_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--learners", nargs="+", choices=(*FILES, "beta11"), default=["default", "beta11"]
    )
    return parser.parse_args(options)


def one(
    asked: argparse.Namespace,
    shape: float,
    n_items: int,
    vectors: str,
    n_segments: int,
    name: str,
    seed: int,
) -> dict[str, float]:
    """One run."""
    world = make_world(
        n_items,
        shape,
        K,
        seed,
        n_new=N_NEW,
        arrive=asked.requests,
        vectors=vectors,
        n_segments=n_segments,
    )
    learner = PlainThompson(world, K) if name == "beta11" else FileLearner(FILES[name], world, K)
    start = time.process_time()
    result = follow(world, learner, asked.requests + asked.after, seed)
    before, best = result.clicks[: asked.requests], possible(world, K, 0)
    found = result.found_after[np.isfinite(result.found_after)]
    return {
        "possible": best,
        "mean": float(before.mean()),
        "last_tenth": float(before[-(asked.requests // 10) :].mean()),
        "shown": float((result.impressions[:n_items] > 0).mean()),
        "found": float(found.size),
        "found_after": float(found.max()) if found.size == N_NEW else float("inf"),
        "seconds": time.process_time() - start,
    }


def show(rows: list[dict]) -> None:
    """One line per world and learner."""
    table = Table(
        "shape",
        "items",
        "vectors",
        "segments",
        "learner",
        "clicks/request",
        "last tenth",
        "of possible",
        "items shown",
        f"new found of {N_NEW}",
        "the last after",
        title=f"Slates of {K} of a whole catalogue, 95% intervals",
    )
    for row in rows:
        runs = row["runs"]
        mean, half = interval([r["mean"] for r in runs])
        last, last_half = interval([r["last_tenth"] for r in runs])
        share = float(np.mean([r["last_tenth"] / r["possible"] for r in runs]))
        table.add_row(
            f"{row['shape']:g}",
            f"{row['items']:,}",
            row["vectors"],
            str(row["segments"]),
            row["learner"],
            f"{mean:.3f} ± {half:.3f}",
            f"{last:.3f} ± {last_half:.3f}",
            f"{share:.1%}",
            f"{np.mean([r['shown'] for r in runs]):.1%}",
            f"{np.mean([r['found'] for r in runs]):.1f}",
            f"{max(r['found_after'] for r in runs):,.0f}",
        )
    Console(width=150).print(table)
