"""Opening: newly assigned partitions, from local disk and changelogs to state in memory. All of it
blocks, and runs in the store's thread.
"""

import logging
import pathlib
from collections.abc import Callable, Sequence

from streams.config import Settings
from streams.counting.disks import Disks
from streams.counting.limits import Admission, DescribedItems, Limits
from streams.counting.partition import Partition, stored_positions
from streams.counting.restore import Changelogs, restore
from streams.counting.rules import Rules
from streams.counting.set_aside import BrokenDisk
from streams.counting.slate_outcomes import SlateOutcomes
from streams.counting.sources import Sources
from streams.kafka.transaction import Transactions
from streams.metrics import Metrics

log = logging.getLogger(__name__)


class Opening:
    """What opens partitions; `changelogs` are the topics of counts and slates."""

    def __init__(
        self,
        settings: Settings,
        sources: Sources,
        changelogs: tuple[str, str],
        rules: Rules,
        metrics: Metrics,
        transactions: Transactions,
    ) -> None:
        self.disks = Disks(settings.data_dir / "state")
        self.described = DescribedItems()  # filled by another thread
        self.identity: dict[str, str] = {}  # of topics, as of the last call
        self._settings = settings
        self._sources = sources
        self._changelogs = changelogs
        self._rules = rules
        self._metrics = metrics
        self._transactions = transactions
        self._started = False

    def __call__(
        self, numbers: Sequence[int], stopped: Callable[[], bool]
    ) -> tuple[dict[int, Partition], int]:
        """State by partition number, and how many changelog records were read. A database that
        turns out to be damaged is rebuilt, once.

        Raises
        ------
        Stuck, Stopped
            As `restore` says.
        BrokenDisk
            If one is damaged again.
        """
        rebuilt: set[pathlib.Path] = set()
        while True:
            try:
                read = self._restore(numbers, stopped)
                return {number: self._partition(number) for number in numbers}, read
            except BrokenDisk as broken:
                if broken.path in rebuilt:
                    raise
                rebuilt.add(broken.path)
                self.disks.damaged(broken)

    def _restore(self, numbers: Sequence[int], stopped: Callable[[], bool]) -> int:
        """Disks open and up to date, sources measured."""
        if not self._started:
            self._transactions.start()
            self._started = True
        self.identity = self._sources.identities(self._changelogs)
        for note in self.disks.open(numbers):
            log.warning("%s", note)
        read = [0]

        def progress(records: int) -> None:
            read[0] += records

        disks = {number: self.disks.opened[number] for number in numbers}
        logs = Changelogs(*self._changelogs, self.identity)
        timeout_s = self._settings.recovery_timeout_s
        for note in restore(
            self._settings.kafka_client(), logs, disks, timeout_s, stopped, progress
        ):
            log.warning("%s", note)
        self._sources.measure(
            {number: stored_positions(disk).offsets for number, disk in disks.items()}
        )
        return read[0]

    def _partition(self, number: int) -> Partition:
        settings, disk = self._settings, self.disks.opened[number]
        limits = Limits(settings.max_segments, settings.max_unknown_items)
        admission = Admission(limits, self.described, disk)
        half_life_s = self._rules.half_life_s
        outcomes = SlateOutcomes(disk, settings.outcome_retention_s)
        partition = Partition(
            number, disk, settings.rows_in_memory, half_life_s, admission, outcomes
        )
        for note in self._sources.reconcile(partition):
            log.error("%s", note)
            self._metrics.source_gap()
        return partition
