"""Served slates: what the log of a partition keeps of a slate that this project made."""

from streams.counting.attribution import horizon, open_row
from streams.counting.chunk import REQUESTS
from streams.counting.partition import Partition
from streams.counting.rules import Rules


def note_slate(
    partition: Partition,
    slate_id: str,
    segment: str,
    policy: str,
    ts: float,
    rules: Rules,
    now_s: float,
) -> None:
    """Note that this project made a slate: its segment holds for impressions that do not name one.
    `ts`: of the request.
    """
    partition.stream_s[REQUESTS] = max(partition.stream_s.get(REQUESTS, 0.0), min(ts, now_s))
    row = open_row(
        partition, slate_id, max(ts, horizon(partition)) + 2 * rules.attribution_window_s, rules
    )
    if row.policy is None:
        row.policy = policy
        if row.segment is None:
            row.segment = segment
