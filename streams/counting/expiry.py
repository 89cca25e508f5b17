"""Forgetting: how far the time of a partition's events has come, and which slates it has left
behind.

A row says in stream time how long it must live (`SlateRow.expires_s`); what still waits in it when
it goes is an orphan.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from streams.counting.chunk import CLICKS, IMPRESSIONS, SLATES
from streams.counting.outcomes import EXPIRED, ORPHAN
from streams.counting.partition import Partition
from streams.counting.retention import retire
from streams.counting.rows import Seen, items_of

# slates per step, and those of the entry that reaches it: a few milliseconds of the event loop
EXPIRE_AT_ONCE = 1000


def watermark(partition: Partition, behind: Iterable[str], idle_s: float) -> float:
    """Stream time of a partition in seconds: everything before it has been read.

    The largest event time seen, held back by the sources in `behind` (those with records left to
    read). Once all are read to their ends the clock goes on by itself from there (`idle_s`: seconds
    since the last record), so a quiet partition forgets too.
    """
    reached = [partition.stream_s.get(name, 0.0) for name in behind]
    if reached:
        return min(reached)
    return max(partition.stream_s.values(), default=0.0) + idle_s


def expire(partition: Partition, watermark_s: float, most: int) -> int:
    """Drop slates whose row has lived long enough; returns how many were looked at: about `most` if
    there are more.

    Entries that were looked at leave the disk with the next flush; until then the partition
    remembers where it stands.
    """
    partition.watermark_s = max(partition.watermark_s, watermark_s)
    looked_at = 0
    for index_key, slate_ids in partition.disk.expired(watermark_s, most, partition.looked_at):
        looked_at += len(slate_ids)
        partition.looked_at = index_key
        partition.expiries.append(index_key)
        for slate_id in slate_ids:
            _expire(partition, slate_id, watermark_s)
    return looked_at


def _expire(partition: Partition, slate_id: str, watermark_s: float) -> None:
    row = partition.slate(slate_id)
    if row is None or row.expires_s >= watermark_s:
        return  # gone already, or it lives longer than this entry says
    for seen in items_of(row).values():
        if isinstance(seen, Seen) and (orphans := seen.waiting()):
            partition.note(CLICKS, ORPHAN, seen.segment or row.segment or "", orphans)
    if row.whole is not None:  # its slate never came
        partition.note(IMPRESSIONS, ORPHAN, row.segment or "")
    partition.note(SLATES, EXPIRED, row.segment or "")
    partition.outcomes.book(row)  # what has come since the last flush
    partition.put_slate(slate_id, None)


async def drop_expired(
    partitions: Mapping[int, Partition],
    settled: Callable[[], bool],
    behind: Callable[[int], Iterable[str]],
    counts_retention_s: float = 0.0,
) -> None:
    """Drop slates whose time is over, in steps between which the event loop turns, and look at some
    rows of counts.

    Parameters
    ----------
    partitions
        By number; the mapping may change meanwhile.
    settled
        Whether the state is restored and no flush is under way.
    behind
        The sources of a partition that have records left to read.
    counts_retention_s
        How long rows of counts are kept that nothing touches; 0 keeps them all.
    """
    for number in list(partitions):
        looked_at = EXPIRE_AT_ONCE
        while looked_at >= EXPIRE_AT_ONCE:
            partition = partitions.get(number)
            # subtle: during a flush the index on disk still holds entries that its batch will drop
            if partition is None or not settled():
                return
            idle_s = time.monotonic() - partition.arrived_s
            reached_s = watermark(partition, behind(number), idle_s)
            looked_at = expire(partition, reached_s, EXPIRE_AT_ONCE)
            await asyncio.sleep(0)
        partition = partitions.get(number)
        if counts_retention_s and partition is not None and settled():
            retire(partition, time.time(), counts_retention_s)
            await asyncio.sleep(0)
