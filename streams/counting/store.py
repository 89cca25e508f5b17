"""Store: the state of the partitions that this worker owns, and the flush that makes it durable.

`flush` has its steps. All reading waits while one is late, so that what is not durable is bounded.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from streams.config import Settings
from streams.counting.chunk import Chunk
from streams.counting.flush import FlushTopics, commit, take_changes
from streams.counting.opening import Opening
from streams.counting.partition import Changes, Partition
from streams.counting.restore import Stopped
from streams.counting.rules import Rules
from streams.counting.set_aside import BrokenDisk
from streams.counting.sources import Sources
from streams.kafka.liveness import (
    FLUSH,
    FLUSH_LIMIT_S,
    HEARTBEAT,
    POLL,
    POLL_LIMIT_S,
    Liveness,
)
from streams.kafka.names import app_id
from streams.kafka.patience import NO_PROGRESS_S, end_unless_within
from streams.kafka.transaction import CommitAborted, CommitFenced, FatalCommit, Owner, Transactions
from streams.metrics import Metrics

log = logging.getLogger(__name__)

# while a flush takes longer than this, nothing more is read: what is not durable stays bounded
SLOW_FLUSH_S = 2.0


class Store:
    """Partitions by number. All of it runs on the event loop but for the blocking calls, which one
    thread makes in order.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Sources,
        changelogs: tuple[str, str],
        dead_letters: str,
        rules: Rules,
        metrics: Metrics,
        transactions: Transactions,
        end_process: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.sources = sources
        self.rules = rules
        self.metrics = metrics
        self.partitions: dict[int, Partition] = {}
        self.liveness = Liveness(
            {
                POLL: POLL_LIMIT_S,
                # while an old log is read, flushes are left out
                FLUSH: FLUSH_LIMIT_S + 4 * settings.flush_interval_ms / 1000,
                HEARTBEAT: settings.broker_session_timeout_s,
            }
        )
        self._opening = Opening(settings, sources, changelogs, rules, metrics, transactions)
        self.described = self._opening.described
        self.ready_generation: int | None = None  # None: nothing may be read or flushed
        self.session = 0
        self.restore_in_place: Callable[[], None] = lambda: None  # set by the recovery
        self._changelog_names = changelogs
        self._dead_letters = dead_letters
        self._owner = Owner(app_id(settings), -1, "")
        self._transactions = transactions
        self._end_process = end_process
        self._disks = self._opening.disks
        self._lock = asyncio.Lock()
        # held while a chunk is counted in slices, while changes are taken and while partitions go
        self.counting = asyncio.Lock()
        self._blocking = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._flush_began: float | None = None

    # ---- the data path

    def open_session(self) -> int:
        """A new reader starts at the positions of the state; chunks of an earlier one are refused
        from now on.
        """
        self.session += 1
        return self.session

    def position(self, source: str, number: int) -> int:
        """Next offset to read of a source's partition."""
        return self.partitions[number].offsets[source]

    def admit(self, chunk: Chunk) -> Partition | None:
        """The partition that a chunk belongs to; None if the chunk was read for a state that is
        gone.

        Raises
        ------
        RuntimeError
            If the chunk does not start where the state ends: records were lost or would count
            twice.
        """
        if chunk.session != self.session or self.ready_generation is None:
            return None
        partition = self.partitions[chunk.partition]
        if chunk.start != partition.offsets[chunk.source]:
            msg = (
                f"{chunk.topic}[{chunk.partition}]: expected a chunk from "
                f"{partition.offsets[chunk.source]}, got {chunk.start}"
            )
            raise RuntimeError(msg)
        return partition

    def advance(self, chunk: Chunk) -> None:
        """The chunk's events are in the state: its position moves with them into the next flush."""
        partition = self.partitions[chunk.partition]
        partition.offsets[chunk.source] = chunk.end
        partition.moved = True
        partition.arrived_s = time.monotonic()

    @property
    def settled(self) -> bool:
        """Whether the state is restored and no flush is under way."""
        return self.ready_generation is not None and self._flush_began is None

    @property
    def congested(self) -> bool:
        """Whether a flush is late: reading must wait, so that what is not durable yet stays
        bounded.
        """
        return self._flush_began is not None and time.monotonic() - self._flush_began > SLOW_FLUSH_S

    # ---- the flush

    async def flush(self) -> None:
        """Make everything counted so far durable; see `streams.counting.flush`."""
        async with self._lock:
            if self.ready_generation is None:
                return
            self._flush_began = time.monotonic()
            try:
                async with self.counting:
                    changes = await take_changes(self.partitions)
                if not changes:
                    self.liveness.happened(FLUSH)
                    return
                limit_s = self.settings.transaction_timeout_s + NO_PROGRESS_S
                why = f"a flush did not end within {limit_s:g} s, brokers have aborted it by now"
                committed = self._in_thread(self._commit, changes)
                await end_unless_within(limit_s, committed, self._end_process, why)
            except CommitFenced as refusal:
                log.warning(
                    "flush of generation %d refused, the group has moved on: %s",
                    self._owner.generation,
                    refusal,
                )
                self._drop_all()
            except CommitAborted as failure:
                log.warning("flush undone, the state is restored from the log: %s", failure)
                self._drop_all()
                self.restore_in_place()
            except BrokenDisk as broken:
                self.set_aside(broken)
            except FatalCommit as failure:
                self._end_process(str(failure))
            except Exception as error:  # rocksdict raises plain Exception: a full or broken disk
                self._end_process(
                    f"{error}: the flush is in the changelog, local rows are behind it; free the "
                    "disk and start again"
                )
            else:
                self.liveness.happened(FLUSH)
                for number in changes.keys() & self.partitions.keys():
                    self.partitions[number].settled()
                self.metrics.flushed(
                    time.monotonic() - self._flush_began,
                    (each.outcome_counts for each in changes.values()),
                    (each.told for each in changes.values()),
                )
            finally:
                self._flush_began = None

    async def last_flush(self, patience_s: float) -> None:
        """A flush before the partitions go. One that takes longer than `patience_s` ends the
        process: the group has gone on without it.

        Until the flush that is under way ends the worker cannot join.
        """
        why = f"a flush did not end within {patience_s:g} s and the group has gone on"
        await end_unless_within(patience_s, self.flush(), self._end_process, why)

    def _commit(self, changes: Mapping[int, Changes]) -> None:
        commit(changes, self._transactions, self._owner, self._flush_topics(), self._disks.opened)

    def _flush_topics(self) -> FlushTopics:
        counts, slates = self._changelog_names
        return FlushTopics(
            self.sources.topics, counts, slates, self._dead_letters, self._opening.identity
        )

    # ---- ownership

    def close_flow(self) -> None:
        """Nothing is read or flushed until the next restore; the memory stays for a generation that
        follows directly.
        """
        self.ready_generation = None

    async def restore(
        self, generation: int, member: str, numbers: Iterable[int], wanted: Callable[[], bool]
    ) -> bool:
        """Own `numbers` in `generation`; False if it was over before the state was ready.

        Raises
        ------
        Stuck
            If recovery makes no progress.
        """
        async with self._lock, self.counting:
            mine = set(numbers)
            # subtle: a partition that seems kept was somebody else's in between if a generation
            # passed without us (a long pause), or if another process had our name in ours
            if (generation, member) != (self._owner.generation + 1, self._owner.member):
                self._drop_all()
            for number in set(self._disks.opened) - mine:
                self.partitions.pop(number, None)
                self._disks.close_one(number)
            self._owner = Owner(app_id(self.settings), generation, member)
            new = sorted(mine - set(self.partitions))
            began = time.monotonic()
            try:
                opened, records = await self._in_thread(self._opening, new, lambda: not wanted())
            except Stopped:
                self._drop_all()
                return False
            self.partitions |= opened
            for partition in self.partitions.values():
                partition.rows_in_memory = self.settings.rows_in_memory // len(self.partitions)
            if not wanted():
                return False
            self.ready_generation = generation
            self.liveness.happened(FLUSH)  # what is on the disks is in the log
            took_s = time.monotonic() - began
            self.metrics.restored(took_s, records, len(mine))
            said = "generation %d: own %s, restored %s (%d records, %.2f s)"
            log.info(said, generation, sorted(mine), new, records, took_s)
            return True

    def set_aside(self, broken: BrokenDisk) -> None:
        """A local database is damaged: restore all from the log, and that one from its start."""
        log.error("%s", broken)
        self._disks.damaged(broken)
        self._drop_all()
        self.restore_in_place()

    async def remove_old(self) -> None:
        """Remove the databases that were set aside a week ago."""
        for name in await self._in_thread(self._disks.remove_old):
            log.info("%s was set aside a week ago: removed", name)

    def _drop_all(self) -> None:
        """Forget the memory: what was not committed never happened."""
        self.ready_generation = None
        self.partitions.clear()

    async def close(self) -> None:
        """After the last flush: release the disks."""
        async with self._lock:
            self.ready_generation = None
            self.partitions.clear()
            self._disks.close()
        self._blocking.shutdown()

    async def _in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._blocking, call, *args)
