"""Faust as its tutorial writes it:
`python -m tests.benchmarks.ingest_naive BOOTSTRAP EVENTS PARTITIONS DIRECTORY`.

One agent per topic, a RocksDB table (rocksdict) with a changelog, one event at a time; no join and
no deduplication. It counts the first EVENTS that it gets, prints one JSON line and ends.
"""

import json
import os
import resource
import sys
import time

import faust


def build(bootstrap: str, events: int, partitions: int, directory: str) -> faust.App:
    """The app; it ends the process after `events`."""
    app = faust.App(
        f"naive-{os.getpid()}",
        broker=f"kafka://{bootstrap}",
        store="rocksdb://",
        datadir=directory,
        topic_partitions=partitions,
        topic_disable_leader=True,
        topic_allow_declare=True,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        value_serializer="json",
        key_serializer="raw",
    )
    counts = app.Table("counts", default=int, partitions=partitions)
    began: list[float] = []
    seen = [0]

    def noted() -> None:
        if not began:
            began.append(time.perf_counter())
        seen[0] += 1
        if seen[0] == events:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            report = {"s": time.perf_counter() - began[0], "cpu_s": usage.ru_utime + usage.ru_stime}
            os.write(1, json.dumps(report).encode() + b"\n")  # sys.stdout is Faust's log by now
            os._exit(0)

    @app.agent(app.topic("impressions"))
    async def impressions(stream: faust.StreamT) -> None:
        async for event in stream:
            counts[f"{event['segment']}|{event['item_id']}|impressions"] += 1
            noted()

    @app.agent(app.topic("clicks"))
    async def clicks(stream: faust.StreamT) -> None:
        async for event in stream:
            counts[f"{event['segment']}|{event['item_id']}|clicks"] += 1
            noted()

    return app


if __name__ == "__main__":
    app = build(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    sys.argv = ["faust", "worker", "-l", "warn", "--without-web"]
    app.main()
