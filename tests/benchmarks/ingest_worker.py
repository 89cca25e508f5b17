"""The worker of the ingest benchmark: `python -m tests.benchmarks.ingest_worker EVENTS`, settings
from the environment.

The worker is the real one, started as Faust starts it; it is only watched: the clock runs from the
first chunk that is handled to the end of the flush that makes the last event durable (committed on
Kafka, on disk). How long each step holds the event loop is measured, too. One JSON line on stdout,
then the process ends.
"""

import asyncio
import json
import os
import resource
import sys
import time
from typing import Any

from streams.app import App, create_app
from streams.config import load_settings
from streams.counting.chunk import CLICKS, IMPRESSIONS

WORKER_LOG_LEVEL = "warn"
LONG_S = 0.02  # no step of counting should hold the event loop for longer


class Watchdog:
    """The CPU time of each callback of the event loop, from `begin` on: what others do on the same
    cores is not its fault.
    """

    def __init__(self) -> None:
        self.longest_s, self.longest = 0.0, ""
        self.long = self.steps = 0

    def begin(self) -> None:
        """Watch from now on."""
        run = asyncio.Handle._run  # type: ignore[attr-defined]

        def timed(handle: asyncio.Handle) -> None:
            began_s = time.thread_time()
            run(handle)
            took_s = time.thread_time() - began_s
            self.steps += 1
            if took_s > self.longest_s:
                self.longest_s, self.longest = took_s, repr(handle)[:200]
            self.long += took_s > LONG_S

        asyncio.Handle._run = timed  # type: ignore[attr-defined]


def cpu_s(app: App) -> float:
    """CPU time of this process and of the one that reads for it so far, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    process = app.engine._consumer._process
    assert process is not None
    # of another process, by the clock's number that Linux gives it: clock_getcpuclockid(3)
    return usage.ru_utime + usage.ru_stime + time.clock_gettime((~process.pid << 3) | 2)


def watch(app: App, events: int) -> None:
    """Report and end when `events` are durable."""
    engine, metrics = app.engine, app.engine.metrics
    handle, flushed, commit = engine.handle, metrics.flushed, engine.store._commit
    reached: dict[tuple[str, int], int] = {}
    began: list[float] = []
    flushes: list[float] = []
    watchdog = Watchdog()

    async def first_handle(chunk: Any) -> None:
        watchdog.begin()
        began.extend((time.perf_counter(), cpu_s(app)))
        engine.handle = handle  # type: ignore[method-assign]
        await handle(chunk)

    def committed(changes: Any) -> None:
        commit(changes)
        for number, each in changes.items():
            for source in (IMPRESSIONS, CLICKS):
                reached[source, number] = each.offsets[source]

    def watched(duration_s: float, counted: Any) -> None:
        flushed(duration_s, counted)
        flushes.append(duration_s)
        if sum(reached.values()) == events:
            took_s = time.perf_counter() - began[0]
            report = {
                "s": took_s,
                "cpu_s": cpu_s(app) - began[1],
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "longest_step_ms": 1000 * watchdog.longest_s,
                "longest_step": watchdog.longest,
                "steps": watchdog.steps,
                "long_steps": watchdog.long,
                "flushes": len(flushes),
                "flush_s": sum(flushes) / len(flushes),
            }
            os.write(1, json.dumps(report).encode() + b"\n")  # sys.stdout is Faust's log by now
            os._exit(0)

    engine.handle = first_handle  # type: ignore[method-assign]
    engine.store._commit = committed  # type: ignore[method-assign]
    metrics.flushed = watched  # type: ignore[method-assign]


def main(events: int) -> None:
    """Run the worker until it has counted everything."""
    app = create_app(load_settings(os.environ))
    watch(app, events)
    sys.argv = ["faust", "worker", "-l", WORKER_LOG_LEVEL]
    app.main()


if __name__ == "__main__":
    main(int(sys.argv[1]))
