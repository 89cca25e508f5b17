"""Segments of several context fields, of which few matter:
`python -m tests.benchmarks context [options]`.

    --requests N      of a run (200000); slow peers get as many as their row says
    --slow N          requests of a run of a slow peer (20000)
    --seeds N         runs of each (3); intervals are 95% of the mean, by Student's t
    --learners L ...  by name, as in the table
    --jobs N          runs side by side (1)
    --fresh           do not reuse the runs that lie in build/bench/context

The world and what is served stand in `context_run`, the peers in `context_peers`. Each run is a
process of its own, by this Python or that of build/peers (bench_regret says how to make it; this
benchmark also needs `vowpalwabbit` there). A peer that is not installed is left out and said so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.benchmarks.bench_regret import PEER_PYTHON, interval
from tests.benchmarks.context_peers import PEERS
from tests.benchmarks.context_run import OURS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "bench" / "context"
LIBRARY = {
    "contextualbandits": "contextualbandits",
    "mabwiser": "mabwiser",
    "VW": "vowpalwabbit",
}
# The other rows of each name are compared at as many requests: its own runs, cut there.
SLOW = tuple(name for name in PEERS if name.split()[0].rstrip(",") in LIBRARY)


def run(options: list[str]) -> dict[str, object]:
    """Measure, print one table, return what stands in it."""
    asked = parse(options)
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = []
    for name in asked.learners:
        python = python_of(name)
        if python is None:
            sys.stdout.write(f"{name}: not installed, left out\n")
            continue
        slow = name in SLOW
        lengths = [asked.slow] if slow else sorted({asked.slow, asked.requests})
        wanted += [(name, n, seed, python) for n in lengths for seed in range(asked.seeds)]
    with ThreadPoolExecutor(asked.jobs) as pool:
        found = list(pool.map(lambda each: one(*each, fresh=asked.fresh), wanted))
    rows: dict[tuple[int, str], list[dict]] = {}
    for (name, n, _, _), result in zip(wanted, found, strict=True):
        rows.setdefault((n, name), []).append(result)
    show(rows)
    return {
        "rows": [{"requests": n, "learner": name, "runs": runs} for (n, name), runs in rows.items()]
    }


def parse(options: list[str]) -> argparse.Namespace:
    """Options."""
    every = (*OURS, *PEERS)
    parser = argparse.ArgumentParser(prog="context")
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--slow", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--learners", nargs="+", choices=every, default=every)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--fresh", action="store_true")
    return parser.parse_args(options)


def python_of(name: str) -> str | None:
    """The first Python that has what a learner needs."""
    library = LIBRARY.get(name.split()[0])
    if library is None:
        return sys.executable
    for python in (sys.executable, str(PEER_PYTHON)):
        if Path(python).exists():
            tried = subprocess.run([python, "-c", f"import {library}"], capture_output=True)
            if tried.returncode == 0:
                return python
    return None


def one(name: str, n_requests: int, seed: int, python: str, *, fresh: bool) -> dict:
    """One run, or what lies there of it."""
    out = FOLDER / f"{name.replace(', ', '_').replace(' ', '_')}-{n_requests}-{seed}.json"
    if fresh or not out.exists():
        command = [python, "-m", "tests.benchmarks.context_run", name, str(seed), str(n_requests)]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        subprocess.run([*command, str(out)], cwd=ROOT, env=os.environ | one_thread, check=True)
    return json.loads(out.read_text())


def show(rows: dict[tuple[int, str], list[dict]]) -> None:
    """One line per learner and number of requests."""
    table = Table(
        "requests",
        "learner",
        "clicks per request",
        "last tenth",
        "of possible",
        "CPU s a run",
        title="Slates of 5 of 1,000 items; six fields, two matter; 95% intervals",
    )
    for n, name in sorted(rows, key=lambda key: (-key[0], -mean(rows[key]))):
        runs = rows[n, name]
        whole, half = interval([float(np.mean(each["clicks"])) for each in runs])
        last, last_half = interval([float(np.mean(each["clicks"][-2:])) for each in runs])
        share = np.mean([np.mean(each["clicks"][-2:]) / each["possible"] for each in runs])
        table.add_row(
            f"{n:,}",
            name,
            f"{whole:.3f} ± {half:.3f}",
            f"{last:.3f} ± {last_half:.3f}",
            f"{share:.1%}",
            f"{np.mean([each['seconds'] for each in runs]):,.0f}",
        )
    Console(width=130).print(table)


def mean(runs: list[dict]) -> float:
    """Clicks per request."""
    return float(np.mean([each["clicks"] for each in runs]))
