"""Slates of 200 named candidates: `python -m tests.benchmarks candidates [options]`.

    --items N ...     in the catalogue (1000 100000)
    --seconds S       of each figure (4)

Microseconds of one slate of ten, with propensities and `why`, one request at a time, through
`compose` as a worker asks it: `first` where no candidate was drawn for in this snapshot, `later`
where all were; 200 candidates drawn uniformly, another list each. Beside it `plain`: one row of
Beta draws of the 200, `argpartition` and a sort, which says no propensity and no part of a score,
in turns with the others, so that all see the same machine. Of many single timings the lower
quartile and the median stand: what else runs on a core makes some of them long.

    warm    a thousand looks an item at rates of 5% with a spread, so a fifth of the candidates can
            reach a slate
    cold    no counts: all can
    floor   warm, with `floor = 0.01` of the slots, as shipped; the others without
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from bandits.counts import Counts, zeros
from bandits.slates.serve import Request, Snapshot, compose
from tests.benchmarks.bench_policies import NONE, K, maker, warm

CANDIDATES = 200
LISTS = 2000
NO_FLOOR = "[exploration]\nfloor = 0"
FLOOR = '[exploration]\nfloor = 0.01\nfloor_of = "slots"'
AT_A_TIME = 50  # of one, then of the next


def run(options: list[str]) -> dict[str, object]:
    """Measure, print one table, return what stands in it."""
    parser = argparse.ArgumentParser(prog="candidates")
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--seconds", type=float, default=4.0)
    asked = parser.parse_args(options)
    rows = []
    for n_items in asked.items:
        for name, counts, text in (
            ("warm", warm(n_items), NO_FLOOR),
            ("warm, floor", warm(n_items), FLOOR),
            ("cold", zeros(1, n_items), NO_FLOOR),
        ):
            rows.append({"items": n_items, "counts": name} | measure(counts, text, asked.seconds))
    show(rows)
    return {"rows": rows}


def measure(counts: Counts, text: str, seconds: float) -> dict[str, float]:
    """Lower quartile and median of each, in microseconds."""
    n_items = counts.impressions.shape[1]
    rng = np.random.default_rng(1)
    lists = [np.sort(rng.choice(n_items, CANDIDATES, replace=False)) for _ in range(LISTS)]
    requests = [Request(K, each, NONE) for each in lists]
    make = maker(counts, text)
    first, later = make(), make()
    for request in requests:
        compose(later, [request], rng)
    alpha, beta = counts.clicks[0] + 1, counts.impressions[0] - counts.clicks[0] + 9

    def plain(i: int) -> None:
        some = lists[i]
        draw = rng.beta(alpha[some], beta[some])
        best = np.argpartition(draw, CANDIDATES - K)[CANDIDATES - K :]
        some[best[np.argsort(-draw[best])]]

    def serve(snapshot: Snapshot, i: int) -> None:
        compose(snapshot, [requests[i]], rng)

    def serve_first(i: int) -> None:
        first.view.kept.clear()
        serve(first, i)

    work = {"first": serve_first, "later": lambda i: serve(later, i), "plain": plain}
    took = in_turns(work, seconds)
    found = {}
    for name, each in took.items():
        found[f"{name} us, quartile"], found[name] = np.quantile(each, [0.25, 0.5]).tolist()
    return found


def in_turns(work: dict[str, Callable[[int], None]], seconds: float) -> dict[str, list[float]]:
    """Microseconds of each call, of all kinds in turns."""
    took: dict[str, list[float]] = {name: [] for name in work}
    end, i = time.perf_counter() + seconds * len(work), 0
    while time.perf_counter() < end:
        for name, do in work.items():
            for number in range(i, i + AT_A_TIME):
                began = time.perf_counter()
                do(number % LISTS)
                took[name].append(1e6 * (time.perf_counter() - began))
        i += AT_A_TIME
    return took


def show(rows: list[dict[str, object]]) -> None:
    """Print the table, each beside the plain draw."""
    table = Table("items", "counts", "later: quartile / median us", "slates/s", "of plain", "first")
    for row in rows:
        low, middle, plain = row["later us, quartile"], row["later"], row["plain us, quartile"]
        assert isinstance(low, float)
        assert isinstance(plain, float)
        table.add_row(
            f"{row['items']:,}",
            str(row["counts"]),
            f"{low:.0f} / {middle:.0f}",
            f"{1e6 / low:,.0f}",
            f"{low / plain:.1f}x",
            f"{row['first us, quartile']:.0f}",
        )
    Console(width=120).print(table)
