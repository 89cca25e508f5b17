"""Conditions of the latency benchmark: what goes on while requests are asked.

Each is a function of the bench and a rate of requests; it returns the requests' times, the part of
the time that counts, and what there is to say besides. To add one is a function and a line in
`CONDITIONS`.
"""

import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.benchmarks.latency_bench import Bench, Outcome
from tests.benchmarks.latency_figures import Goal
from tests.benchmarks.latency_system import COUNTING, SERVING, SESSION_TIMEOUT_S

SETTLE_S = 3.0  # of load before the requests, and spare at the end
CELLS = 1_000_000
# long enough that the burst is read before the flush: all of it is then in one
FLUSH_INTERVAL_MS = 20_000
FLUSH_SEEN_ROWS = 1_000  # above the position rows that every flush writes
AFTER_FLUSH_S = 3.0  # who follows the changelog reads the rows when they are committed
SWAPS = 3
TRICKLE_PER_S = 1_000  # events while workers die: there is something to take over
BEFORE_S, AFTER_S = 2.0, 4.0  # of a signal, and of what follows from it
TAKEN_OVER_TIMEOUT_S = 60.0


def idle(bench: Bench, per_s: float) -> Outcome:
    """Requests and nothing else."""
    client = bench.client(per_s)
    bench.begin(client)
    time.sleep(bench.seconds)
    return bench.outcome(client)


def beside(events_per_s: int) -> "Run":
    """Requests beside so many impressions and clicks a second."""

    def run(bench: Bench, per_s: float) -> Outcome:
        client = bench.client(per_s)
        load = bench.load(int(events_per_s * (bench.seconds + 2 * SETTLE_S)), events_per_s)
        load.go()
        time.sleep(SETTLE_S)
        bench.begin(client)
        time.sleep(bench.seconds)
        behind = bench.system.behind()
        outcome = bench.outcome(client)
        load.tell()
        report = load.answer()
        bench.system.wait_counted()
        notes = [f"{report['per_s']:,.0f} events/s sent, {behind:,} not yet counted at the end"]
        return outcome._replace(notes=notes)

    return run


def flush(bench: Bench, per_s: float) -> Outcome:
    """A burst that changes a million cells, and its flush: from its first row to some time after
    its commit.
    """
    bench.system.restart_counting(SLATESTREAM_FLUSH_INTERVAL_MS=str(FLUSH_INTERVAL_MS))
    bench.system.wait_counted()
    client = bench.client(per_s)
    load = bench.load(CELLS * 11 // 10, 0)
    before = bench.system.rows_written()
    bench.begin(client)
    load.go()
    load.answer()
    while bench.system.rows_written() - before < FLUSH_SEEN_ROWS:
        time.sleep(0.05)
    began_s = time.monotonic()
    bench.system.wait_counted()
    took_s = time.monotonic() - began_s
    time.sleep(AFTER_FLUSH_S)
    rows = bench.system.rows_written() - before
    outcome = bench.outcome(client, began_s, time.monotonic())
    bench.system.restart_counting()
    return outcome._replace(notes=[f"{rows:,} rows in {took_s:.1f} s"])


def swap(bench: Bench, per_s: float) -> Outcome:
    """Encoder releases published one after the other."""
    if bench.releases is None:
        raise NotRun(bench.no_releases)
    client = bench.client(per_s)
    bench.begin(client)
    versions = set()
    for _ in range(SWAPS):
        versions.add(bench.releases.publish())
        time.sleep(bench.seconds / SWAPS)
    outcome = bench.outcome(client)
    seen = len(versions & outcome.encoders.keys())
    return outcome._replace(notes=[f"{SWAPS} swaps, slates under {seen} of the 2 releases"])


def rebalance(bench: Bench, per_s: float) -> Outcome:
    """One of two counting workers is killed with -9; the other one takes over."""
    bench.system.ensure(counting=2)
    length_s = max(bench.seconds, BEFORE_S + SESSION_TIMEOUT_S + AFTER_S)
    client = bench.client(per_s)
    load = bench.load(int(TRICKLE_PER_S * (length_s + TAKEN_OVER_TIMEOUT_S)), TRICKLE_PER_S)
    load.go()
    bench.begin(client)
    time.sleep(BEFORE_S)
    began_s = last_behind_s = time.monotonic()
    bench.system.end(COUNTING, signal.SIGKILL)
    while (now_s := time.monotonic()) < max(began_s + length_s - BEFORE_S, last_behind_s + AFTER_S):
        if bench.system.behind() > TRICKLE_PER_S:
            last_behind_s = now_s
        if now_s > began_s + length_s + TAKEN_OVER_TIMEOUT_S:
            raise RuntimeError(f"the partitions were not taken over:\n{bench.system.log_tails()}")
        time.sleep(0.1)
    outcome = bench.outcome(client)
    load.tell()
    load.answer()
    bench.system.wait_counted()
    took_s = last_behind_s - began_s
    return outcome._replace(notes=[f"counting was behind until {took_s:.1f} s after the kill"])


def ended(number: signal.Signals) -> "Run":
    """One of two serving processes gets a signal that ends it."""

    def run(bench: Bench, per_s: float) -> Outcome:
        bench.system.ensure(serving=2)
        time.sleep(AFTER_S)  # the first one gives partitions to the second
        client = bench.client(per_s)
        bench.begin(client)
        time.sleep(BEFORE_S)
        bench.system.end(SERVING, number)
        time.sleep(max(bench.seconds - BEFORE_S, SESSION_TIMEOUT_S + AFTER_S))
        return bench.outcome(client)

    return run


Run = Callable[[Bench, float], Outcome]


class NotRun(RuntimeError):
    """A condition that this machine cannot make: what is missing."""


class Condition(NamedTuple):
    """What runs, and what it is held to."""

    run: Run
    goal: Goal = Goal()


# subtle: in this order, on the same topics: what the later ones restore is what the earlier ones
# have counted
CONDITIONS = {
    "idle": Condition(idle, Goal(p50=3, p99=3)),
    "20000": Condition(beside(20_000), Goal(p50=3, p99=3)),
    "100000": Condition(beside(100_000), Goal(p99=4)),
    "flush": Condition(flush),
    "swap": Condition(swap),
    "rebalance": Condition(rebalance, Goal(longest_s=2)),
    "kill": Condition(ended(signal.SIGKILL), Goal(longest_s=SESSION_TIMEOUT_S)),
    "stop": Condition(ended(signal.SIGTERM), Goal(longest_s=1)),
}
