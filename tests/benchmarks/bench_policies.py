"""Updates/s and slates/s at 1,000 and 100,000 items, beside NumPy's own speed and the peer
libraries, in one run.

    updates     one impression with its click, added to the counts
    slates      the ten best items of one request, in order; ours with propensities and `why`

NumPy limit of updates: `np.add.at` on two arrays in place. Plain Beta draw: `rng.beta` for every
item, `argpartition`, sort. Ours serves from a snapshot. Three figures: slates of a snapshot that
stands, slates when every 1,000 requests pay for a new snapshot, and after how many requests a
snapshot has paid for itself against the plain draw.

    python -m tests.benchmarks policies [--items N ...] [--peers VENV ...] [--seconds S]

Peers run by the Python of `--peers` (default build/peers), each by the first that can import it;
without one, it is left out and said so. Make one with `python -m venv build/peers` and
`build/peers/bin/pip install mabwiser river bayesianbandits sb-obp torch`. Set OMP_NUM_THREADS=1:
seconds are CPU time of the process, so that other load on the machine does not blur them, and one
thread is what it counts.
"""

import argparse
import json
import os
import pathlib
import subprocess
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from bandits.counts import Counts, zeros
from bandits.learning.outcome_counts import Events, tally
from bandits.slates.config_file import parse_config
from bandits.slates.serve import Catalogue, Request, compose, prepare
from bandits.slates.snapshot_pools import Snapshot

HERE = pathlib.Path(__file__).parent
PEERS = ("mabwiser", "mabwiser-thompson", "obp", "river", "bayesianbandits")
NONE = np.zeros(0, dtype=np.int64)
K = 10
BATCH = 64  # requests of a chunk
EVENTS = 100_000
PEER_LIMIT_S = 300


def run(options: list[str]) -> dict[str, object]:
    """Measure, print one table, return what stands in it."""
    parser = argparse.ArgumentParser(prog="policies")
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument(
        "--peers", type=pathlib.Path, nargs="+", default=[HERE.parents[1] / "build" / "peers"]
    )
    parser.add_argument("--seconds", type=float, default=2.0)
    asked = parser.parse_args(options)
    rows: list[dict[str, object]] = []
    for n_items in asked.items:
        rows += updates(n_items, asked.seconds) + slates(n_items, asked.seconds)
        for peer in PEERS:
            rows += peers(peer, n_items, asked.peers)
    show(rows)
    return {"rows": rows, "threads": os.environ.get("OMP_NUM_THREADS", "not set")}


def updates(n_items: int, seconds: float) -> list[dict[str, object]]:
    """Ours and the NumPy limit, in turns, so that both see the same machine."""
    rng = np.random.default_rng(0)
    item = rng.integers(0, n_items, EVENTS)
    events = Events(
        np.zeros(EVENTS, dtype=np.int64), item, (rng.random(EVENTS) < 0.1).astype(np.float64)
    )
    state = [zeros(1, n_items)]
    state[0] = state[0]._replace(examined=state[0].impressions)
    looks, clicks = np.zeros(n_items), np.zeros(n_items)

    own = zeros(1, n_items)
    # no position is weighed: two sums, as the limit has
    own = own._replace(examined=own.impressions)

    def pure() -> int:
        state[0] = tally(state[0], events)
        return EVENTS

    def ours() -> int:
        tally(own, events, in_place=True)
        return EVENTS

    def limit() -> int:
        np.add.at(looks, item, 1.0)
        np.add.at(clicks, item, events.click)
        return EVENTS

    found = in_turns(
        {"slatestream, in place": ours, "slatestream, pure": pure, "NumPy limit": limit}, seconds
    )
    return [
        {"items": n_items, "what": "updates", "who": who, "per_s": speed}
        for who, speed in found.items()
    ]


def slates(n_items: int, seconds: float) -> list[dict[str, object]]:
    """Ours in several settings, and the plain Beta draw of the same counts."""
    rows: list[dict[str, object]] = []
    for state, counts in (("warm", warm(n_items)), ("cold", zeros(1, n_items))):
        rng = np.random.default_rng(1)
        alpha, beta = counts.clicks[0] + 1, counts.impressions[0] - counts.clicks[0] + 9

        def plain(
            alpha: np.ndarray = alpha, beta: np.ndarray = beta, rng: np.random.Generator = rng
        ) -> int:
            draw = rng.beta(alpha, beta)
            best = np.argpartition(draw, n_items - K)[n_items - K :]
            best[np.argsort(-draw[best])]
            return 1

        make = maker(counts, "")
        snapshot = make()
        work: dict[str, Callable[[], int]] = {"plain Beta draw": plain}
        work |= {
            f"slatestream, {name}": serve(snapshot, asked)
            for name, asked in requests(n_items).items()
        }
        found = in_turns(work, seconds)
        ready_s = 1 / in_turns({"": once(make)}, seconds / 2)[""]
        base, ours = found["plain Beta draw"], found["slatestream, plain request"]
        shared = 1000 / (ready_s + 1000 / ours)
        pool = next(iter(snapshot.pools.values()))
        rows += [
            {"items": n_items, "what": f"slates, {state}", "who": who, "per_s": speed}
            for who, speed in found.items()
        ]
        note = {
            "snapshot_ms": 1000 * ready_s,
            "drawn_items": int(pool.items.size),
            "draws": int(pool.columns.shape[0]),
            "pays_after_requests": ready_s / (1 / base - 1 / ours) if ours > base else None,
        }
        rows.append(
            {
                "items": n_items,
                "what": f"slates, {state}",
                "who": "slatestream, snapshot per 1,000",
                "per_s": shared,
            }
            | note
        )
    return rows


def requests(n_items: int) -> dict[str, list[Request]]:
    """Batches of requests: nothing special; five items excluded; 200 candidates,
    another list each.
    """
    rng = np.random.default_rng(2)
    return {
        "plain request": [Request(K, None, NONE)] * BATCH,
        "5 excluded": [Request(K, None, rng.integers(0, n_items, 5)) for _ in range(BATCH)],
        "200 candidates": [
            Request(K, rng.choice(n_items, 200, replace=False), NONE) for _ in range(BATCH)
        ],
    }


def maker(counts: Counts, text: str) -> Callable[[], Snapshot]:
    """Make a snapshot that is ready to serve slates of ten: prepared, and its board drawn."""
    n_items = counts.impressions.shape[1]
    everything = np.ones(n_items, dtype=np.bool_)
    catalogue = Catalogue(
        everything, np.full(n_items, np.nan), np.full(n_items, -1, dtype=np.int32), None
    )
    config, rng = parse_config(text), np.random.default_rng(3)

    def make() -> Snapshot:
        snapshot = prepare(config, counts, 0, catalogue, 0.0, rng)
        compose(snapshot, [Request(K, None, NONE)], rng)
        return snapshot

    return make


def serve(snapshot: Snapshot, asked: list[Request]) -> Callable[[], int]:
    """Serve one batch; boards of eligible sets are dropped, so that every candidate list is drawn
    for.
    """
    rng = np.random.default_rng(4)

    def work() -> int:
        for key in [key for key in snapshot.pools if key[2] is not None]:
            del snapshot.pools[key]
        return len(compose(snapshot, asked, rng))

    return work


def once(make: Callable[[], Snapshot]) -> Callable[[], int]:
    """Count what is made as one."""

    def work() -> int:
        make()
        return 1

    return work


def warm(n_items: int) -> Counts:
    """A thousand looks an item at click rates of 5% with a spread as of real catalogues, Beta(2,
    38).
    """
    rng = np.random.default_rng(0)
    looks = rng.poisson(1000, (1, n_items)).astype(np.float64)
    clicks = rng.binomial(looks.astype(np.int64), rng.beta(2, 38, n_items)).astype(np.float64)
    return zeros(1, n_items)._replace(impressions=looks, clicks=clicks, examined=looks.copy())


def in_turns(
    work: dict[str, Callable[[], int]], seconds: float, rounds: int = 5
) -> dict[str, float]:
    """Units a CPU second of each, the best of several rounds in turns: a shared machine only ever
    slows down.
    """
    best = dict.fromkeys(work, 0.0)
    for do in work.values():
        do()
    for _ in range(rounds):
        for name, do in work.items():
            done, start = 0, time.process_time()
            while (took := time.process_time() - start) < seconds / rounds or done == 0:
                done += do()
            took = time.process_time() - start
            best[name] = max(best[name], done / took)
    return best


def peers(peer: str, n_items: int, venvs: list[pathlib.Path]) -> list[dict[str, object]]:
    """One peer by the first Python that has it."""
    reason = "no venv"
    for venv in venvs:
        python = venv / "bin" / "python"
        if not python.exists():
            continue
        command = [str(python), str(HERE / "policies_peer.py"), peer, str(n_items)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=PEER_LIMIT_S
            )
        except subprocess.TimeoutExpired:
            reason = f"not done in {PEER_LIMIT_S} s"
            break
        if done.returncode == 0:
            found = json.loads(done.stdout.strip().splitlines()[-1])
            who = f"{peer.removesuffix('-thompson')} {found['of']}"
            return [
                {"items": n_items, "what": "updates", "who": who, "per_s": found["updates_per_s"]},
                {
                    "items": n_items,
                    "what": f"slates, {found['slate']}",
                    "who": who,
                    "per_s": found["slates_per_s"],
                },
            ]
        reason = (done.stderr.strip().splitlines() or ["failed"])[-1]
    return [{"items": n_items, "what": "left out", "who": peer, "per_s": None, "reason": reason}]


def show(rows: list[dict[str, object]]) -> None:
    """Print the table, each speed beside its yardstick: the NumPy limit of updates, the plain Beta
    draw of slates.
    """
    table = Table("items", "what", "who", "per second", "of yardstick", "note")
    for row in rows:
        speed = row["per_s"]
        if not isinstance(speed, float):
            table.add_row(
                f"{row['items']:,}", "left out", str(row["who"]), "", "", str(row["reason"])
            )
            continue
        updates = row["what"] == "updates"
        same = ("updates",) if updates else (row["what"], "slates, warm")
        yardstick = next(
            r["per_s"]
            for what in same
            for r in rows
            if r["items"] == row["items"]
            and r["what"] == what
            and r["who"] in ("NumPy limit", "plain Beta draw")
        )
        note = ""
        if "snapshot_ms" in row:
            after = row["pays_after_requests"]
            pays = "never" if after is None else f"after {after:,.0f} requests"
            note = (
                f"snapshot {row['snapshot_ms']:.1f} ms: {row['draws']} draws of "
                f"{row['drawn_items']:,} items; pays for itself {pays}"
            )
        table.add_row(
            f"{row['items']:,}",
            str(row["what"]),
            str(row["who"]),
            f"{speed:,.0f}",
            f"{speed / yardstick:.2f}",
            note,
        )
    Console(width=180).print(table)
