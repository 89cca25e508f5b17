"""How large an installation is: the formula of docs/sizing.md, with what `make bench NAME=sizing`
and other benchmarks measured.
"""

from __future__ import annotations

import math
from typing import NamedTuple

HEADROOM = 0.5  # of a core that is planned with: peaks, restores, catching up
DAY_S = 86_400.0


class Factors(NamedTuple):
    """Measured; bytes, and microseconds of CPU."""

    event_us: float  # of a worker, for an impression, click or slate
    request_us: float  # of a serving process, over Kafka
    event_bytes: float  # on the brokers, once
    slate_bytes: float  # of an answer on the brokers, once
    count_row_bytes: float  # on disk and in the changelog, of one (partition, segment, item)
    slate_row_bytes: float  # the same, of one slate within its window
    cell_bytes: float  # in a serving process, of one (segment, item) that has counts
    worker_bytes: float  # of a worker that has nothing to do
    serving_bytes: float
    restored_per_s: float  # rows


class Wanted(NamedTuple):
    """What is to be carried."""

    events_per_s: float
    slates_per_s: float
    cells: float  # (segment, item) pairs that have counts
    window_s: float = 3600.0
    retention_s: float = 14 * DAY_S
    replicas: int = 3
    seen_items: float = 10.0  # impressions of one slate


class Size(NamedTuple):
    """What it takes."""

    partitions: int
    workers: int
    serving: int
    worker_gb: float
    serving_gb: float
    disk_gb: float  # of each worker
    broker_tb: float  # of all brokers together
    restore_s: float  # of the partitions of one worker, with an empty disk


def size(wanted: Wanted, by: Factors) -> Size:
    """The formula.

    workers     W = events/s * event_us / (HEADROOM * 10^6)
    serving     S = slates/s * request_us / (HEADROOM * 10^6), at least 2
    partitions  the larger of both, doubled, so that there is room to grow
    """
    workers = max(2, math.ceil(wanted.events_per_s * by.event_us / (HEADROOM * 1e6)))
    serving = max(2, math.ceil(wanted.slates_per_s * by.request_us / (HEADROOM * 1e6)))
    partitions = max(12, 12 * math.ceil(2 * max(workers, serving) / 12))
    # a pair that all see has a row in every partition
    count_rows = wanted.cells * partitions / workers
    slate_rows = wanted.events_per_s / wanted.seen_items * 2 * wanted.window_s / workers
    disk = count_rows * by.count_row_bytes + slate_rows * by.slate_row_bytes
    events = wanted.events_per_s * by.event_bytes + wanted.slates_per_s * by.slate_bytes
    return Size(
        partitions,
        workers,
        serving,
        by.worker_bytes / 1e9,
        (by.serving_bytes + wanted.cells * by.cell_bytes) / 1e9,
        disk / 1e9,
        events * wanted.retention_s * wanted.replicas / 1e12,
        (count_rows + slate_rows) / by.restored_per_s,
    )
