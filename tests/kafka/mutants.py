"""Mutants: the flush and the restore with one step broken on purpose, to show that the chaos
harness would notice.

Each is a function that patches a worker before it starts; product code is never changed. `MUTANTS`
names them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

import streams.counting.flush
import streams.counting.restore
import streams.kafka.transaction
from streams.contract.topics import TopicNames
from streams.counting.chunk import Chunk
from streams.counting.partition import Changes, Partition
from streams.counting.position_tracker import PositionTracker
from streams.counting.store import Store
from streams.kafka.transaction import CALL_TIMEOUT_S, CommitAborted, Owner, Transactions
from streams.worker.engine import Engine
from streams.worker.transport import Lane


def no_fence() -> None:
    """Offsets are committed by group name alone: the coordinator does not ask for generation and
    member.
    """

    def unfenced(owner: Owner) -> bytes:
        return b"CGMDv2:" + struct.pack("<i", -1) + owner.group.encode() + b"\0\0\x01"

    streams.kafka.transaction.group_metadata = unfenced


def _commit_otherwise(
    body: Callable[
        [Transactions, Producer, Callable[[], dict[tuple[str, int], int]], Callable[[], None]], None
    ],
) -> None:
    """A commit whose steps 2 (`rows`) and 3 (`offsets`) are called by `body`, with the product's
    answers to failures.
    """

    def commit(
        self: Transactions, records: Any, offsets: Mapping[tuple[str, int], int], owner: Owner
    ) -> dict[tuple[str, int], int]:
        producer = self._producer
        assert producer is not None
        reached: dict[tuple[str, int], int] = {}

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                reached[message.topic(), message.partition()] = message.offset()

        def rows() -> dict[tuple[str, int], int]:
            streams.kafka.transaction._produce(producer, records, delivered)
            if producer.flush(60) > 0:
                raise CommitAborted
            return reached

        def add_offsets() -> None:
            positions = [
                TopicPartition(topic, partition, offset)
                for (topic, partition), offset in offsets.items()
            ]
            producer.send_offsets_to_transaction(
                positions, streams.kafka.transaction.group_metadata(owner), CALL_TIMEOUT_S
            )

        try:
            producer.begin_transaction()
            body(self, producer, rows, add_offsets)
            producer.commit_transaction(CALL_TIMEOUT_S)
        except KafkaException as failure:
            self._answer(producer, failure.args[0], owner, True)
        return reached

    Transactions.commit = commit  # type: ignore[method-assign]


def offsets_before_rows() -> None:
    """Step 3 before step 2: a new owner can measure the log's end without rows that will still be
    committed.
    """

    def body(
        _self: Transactions,
        _producer: Producer,
        rows: Callable[[], Any],
        add_offsets: Callable[[], None],
    ) -> None:
        add_offsets()
        rows()

    _commit_otherwise(body)


def disk_before_commit() -> None:
    """Step 5 before step 4: local disk can be ahead of the changelog."""
    writes: list[Callable[[dict[tuple[str, int], int]], None]] = []

    def body(
        _self: Transactions,
        _producer: Producer,
        rows: Callable[[], Any],
        add_offsets: Callable[[], None],
    ) -> None:
        reached = rows()
        add_offsets()
        writes.pop()(reached)

    _commit_otherwise(body)

    def commit(self: Store, changes: Mapping[int, Changes]) -> None:
        def write(reached: dict[tuple[str, int], int]) -> None:
            for number, each in changes.items():
                batch = self._disks.opened[number].batch()
                for key, value in each.counts:
                    batch.put_count(key, value)
                for key in each.expiries:
                    batch.drop_expiry(key)
                for key, slate in each.slates:
                    batch.put_slate(key, slate)
                for name in self._changelog_names:
                    if (name, number) in reached:
                        batch.put_offset(self._opening.identity[name], reached[name, number] + 1)
                batch.write()

        writes[:] = [write]
        offsets = {
            (self.sources.topic(source), n): offset
            for n, each in changes.items()
            for source, offset in each.offsets.items()
        }
        rows = streams.counting.flush._rows(changes, self._flush_topics())
        self._transactions.commit(rows, offsets, self._owner)

    Store._commit = commit  # type: ignore[method-assign]


def last_stable_offset() -> None:
    """The end of the log is measured as a reader of committed records sees it: a flush that is
    being decided is not waited for.
    """

    def consumer(config: Mapping[str, Any]) -> Consumer:
        return Consumer({**config, "isolation.level": "read_committed"})

    streams.counting.restore.Consumer = consumer  # type: ignore[attr-defined,assignment]


def memory_kept() -> None:
    """A partition that was owned before stays in memory, whoever owned it in between."""
    restore = Store.restore

    async def kept(
        self: Store, generation: int, member: str, numbers: Any, wanted: Callable[[], bool]
    ) -> bool:
        self._owner = self._owner._replace(generation=generation - 1)
        return await restore(self, generation, member, numbers, wanted)

    Store.restore = kept  # type: ignore[method-assign]


def old_chunk() -> None:
    """What an old session was reading when it ended is applied in the new one, and the store takes
    whatever comes.
    """

    def admit(self: Store, chunk: Chunk) -> Partition | None:
        return self.partitions.get(chunk.partition)

    async def read(self: PositionTracker) -> list[Chunk]:
        consumed = await self._consumer.call("read")
        for chunk in consumed.chunks:
            self._positions[chunk.topic, chunk.partition] = chunk.end
        self._reached, self._ends, self.busy = consumed.reached, consumed.ends, consumed.busy
        return [chunk._replace(session=self._session) for chunk in consumed.chunks]

    begin = Engine.begin
    left: list[Any] = []  # per lane, what it was waiting for when its session ended

    async def begin_with_the_rest(self: Engine, assignment: Any) -> list[Lane]:
        lanes = await begin(self, assignment)
        for lane, before in zip(lanes, left, strict=False):
            lane.pending, before.pending = before.pending, lane.pending
        left[:] = lanes
        return lanes

    Store.admit = admit  # type: ignore[method-assign]
    PositionTracker.read = read  # type: ignore[method-assign]
    Engine.begin = begin_with_the_rest  # type: ignore[method-assign]


def slates_later() -> None:
    """Impressions do not wait for the slates of their time."""
    init = Engine.__init__

    def without(self: Engine, *args: Any) -> None:
        init(self, *args)
        names = TopicNames(self.settings.topic_prefix)
        self._follows = {names.clicks: names.impressions}

    Engine.__init__ = without  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    "no-fence": no_fence,
    "offsets-before-rows": offsets_before_rows,
    "disk-before-commit": disk_before_commit,
    "last-stable-offset": last_stable_offset,
    "memory-kept": memory_kept,
    "old-chunk": old_chunk,
    "slates-later": slates_later,
}
