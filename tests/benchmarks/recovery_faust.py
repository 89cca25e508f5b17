"""Faust's own recovery of one table, timed:
`python -m tests.benchmarks.recovery_faust BOOTSTRAP NAME STORE PARTITIONS DIRECTORY ROWS`.

The changelog `NAME-counts-changelog` exists and was written without transactions. Prints one JSON
line: seconds between the beginning of the recovery and its end, as Faust itself sees them, and how
many of 100 sampled rows the table holds afterwards.
"""

from __future__ import annotations

import json
import os
import sys
import time

import faust
from faust.cli.faust import cli
from faust.tables.recovery import Recovery

from tests.benchmarks.recovery_rows import row


def main(arguments: list[str]) -> None:
    """Start a worker on an empty directory and end the process when its table is restored."""
    bootstrap, name, store, partitions, directory, rows = arguments
    app = faust.App(
        name,
        broker=f"kafka://{bootstrap}",
        store=store,
        datadir=directory,
        topic_partitions=int(partitions),
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    # subtle: the default block cache is 2 GiB for each partition; Faust empties the dict
    options = (
        {"driver": "rocksdict", "block_cache_size": 64 << 20}
        if store.startswith("rocksdb")
        else None
    )
    table = app.Table(
        "counts", partitions=int(partitions), options=options, key_type=bytes, value_type=bytes
    )

    @app.agent(app.topic(f"{name}-source", partitions=int(partitions), value_serializer="raw"))  # type: ignore[untyped-decorator]
    async def count(stream: faust.Stream) -> None:
        async for key, value in stream.items():
            table[key] = value

    began: list[float] = []
    started, ended = Recovery._set_recovery_started, Recovery._set_recovery_ended

    def start(recovery: Recovery) -> None:
        began.append(time.perf_counter())
        started(recovery)

    def end(recovery: Recovery) -> None:
        recovery.flush_buffers()
        seconds = time.perf_counter() - began[-1]
        ended(recovery)
        found = sum(
            _holds(table, *row(number)) for number in range(0, int(rows), max(1, int(rows) // 100))
        )
        # sys.stdout is Faust's log by now
        os.write(1, json.dumps({"s": seconds, "sampled": found}).encode() + b"\n")
        os._exit(0)

    Recovery._set_recovery_started, Recovery._set_recovery_ended = start, end
    sys.modules["recovery_app"] = sys.modules[__name__]
    globals()["app"] = app
    sys.argv = ["faust", "-A", "recovery_app", "worker", "-l", "warn", "--without-web"]
    cli()


def _holds(table: faust.Table, key: bytes, value: bytes) -> bool:
    """Whether a partition of the table has the row; asked past Faust, which looks for the partition
    of the event in hand.
    """
    data = table.data
    if hasattr(data, "_dbs"):
        return any(database.get(key) == value for database in data._dbs.values())
    return bool(data.get(key) == value)


if __name__ == "__main__":
    main(sys.argv[1:])
