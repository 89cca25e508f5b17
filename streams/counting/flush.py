"""Flush: how what was counted becomes durable.

In this order:
  1. begin a transaction
  2. produce changed rows, source positions and dead letters, and wait until the log has them
  3. add the source offsets under the generation and member that the state was restored for
  4. commit
  5. write the same rows to RocksDB, with the changelog offsets reached, in one batch
Local disk is therefore never ahead of the changelog, and a reader of committed records sees all of
a flush or nothing. `streams.kafka.transaction` does 1 to 4 and says how they can fail.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.counting.partition import Changes, Partition
from streams.counting.rocksdb import Disk
from streams.kafka.transaction import BY_KEY, Owner, Rows, Transactions


class FlushTopics(NamedTuple):
    """Where a flush writes: topics by source, changelogs, dead letters, identities of topics."""

    sources: Mapping[str, str]
    counts: str
    slates: str
    dead_letters: str
    identity: Mapping[str, str]


async def take_changes(partitions: Mapping[int, Partition]) -> dict[int, Changes]:
    """What changed since the last flush, by partition; encoded in slices, between which the event
    loop turns. Nothing may be counted meanwhile.
    """
    taken: dict[int, Changes | None] = {}
    for number, partition in partitions.items():
        steps = partition.taking_changes()
        while number not in taken:
            try:
                next(steps)
            except StopIteration as done:
                taken[number] = done.value
            else:
                await asyncio.sleep(0)
    return {number: each for number, each in taken.items() if each is not None}


def commit(
    changes: Mapping[int, Changes],
    transactions: Transactions,
    owner: Owner,
    topics: FlushTopics,
    disks: Mapping[int, Disk],
) -> None:
    """Make the changes of some partitions durable.

    Raises
    ------
    CommitFenced, CommitAborted, FatalCommit
        As `streams.kafka.transaction` says.
    """
    offsets = {
        (topics.sources[source], number): offset
        for number, each in changes.items()
        for source, offset in each.offsets.items()
    }
    reached = transactions.commit(_rows(changes, topics), offsets, owner)  # 1, 2, 3, 4
    for number, each in changes.items():  # 5
        batch = disks[number].batch()
        for key, value in each.counts:
            batch.put_count(key, value)
        for key in each.expiries:
            batch.drop_expiry(key)
        for key, slate in each.slates:
            batch.put_slate(key, slate)
        for name in (topics.counts, topics.slates):
            if (name, number) in reached:
                batch.put_offset(topics.identity[name], reached[name, number] + 1)
        batch.write()


def _rows(changes: Mapping[int, Changes], topics: FlushTopics) -> Iterable[Rows]:
    for number, each in changes.items():
        yield Rows(topics.counts, number, each.counts)
        yield Rows(topics.slates, number, each.slates)
        yield Rows(topics.dead_letters, BY_KEY, each.rejected)
