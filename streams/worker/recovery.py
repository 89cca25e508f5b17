"""Recovery: Faust asks for it after each rebalance; ours restores the store in bulk and then
resumes the flow.

Faust's own restores event by event in Python and waits for ever for the last offset of a
transactional changelog, which is a control record. Changelogs are therefore not subscribed at all:
no channels, no partitions, nothing for Faust to recover.
"""

import asyncio

from aiokafka.errors import KafkaError as GroupError
from confluent_kafka import KafkaError, KafkaException
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import RebalanceAgain, ServiceStopped
from faust.tables.recovery import Recovery as FaustRecovery
from faust.types import TP
from mode import Service

from streams.config import Settings
from streams.counting.restore import Stuck
from streams.kafka.client import BrokerUnreachable, connect
from streams.kafka.required_rights import lacking, worker_rights
from streams.kafka.rights import TABLE
from streams.kafka.transaction import FatalCommit

_NO_PARTITION = (KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART)


def _said(failure: KafkaException) -> str:
    error: KafkaError = failure.args[0]
    if error.code() in _NO_PARTITION:
        return (
            f"a partition of the sources has none in the changelogs ({error.str()}): partitions "
            "were added; the next start lets the changelogs grow along"
        )
    return error.str()


def of_the_group(failure: GroupError, settings: Settings) -> str:
    """What Faust's consumer failed at. It says that a right is missing, not on what, so the brokers
    are asked which ones are.
    """
    try:
        missing = lacking(connect(settings), worker_rights(settings))
    except (BrokerUnreachable, KafkaException):
        missing = []
    if not missing:
        return f"state could not be restored: {failure}"
    each = ", ".join(f"{right.kind} {right.name} ({right.operation})" for right in missing)
    return (
        f"expected the rights of this role on {each}, found {failure}; give them to this user, "
        f"see {TABLE}"
    )


class Recovery(FaustRecovery):
    """One restore per generation; a generation that ends meanwhile stops it."""

    _rebalance = 0

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Call when cluster is rebalancing."""
        if generation_id == self.app.consumer_generation_id:
            self._generation_id = generation_id
            self._rebalance = self.app.rebalancing_count
            self.signal_recovery_start.set()

    def again(self) -> None:
        """Restore in the same generation: a flush was undone and the memory is gone."""
        self.app.consumer.stop_flow()
        self.signal_recovery_start.set()

    @Service.task
    async def _restart_recovery(self) -> None:
        app = self.app
        store = app.engine.store
        store.restore_in_place = self.again
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):
                break
            self.signal_recovery_start.clear()
            generation, rebalance = self._generation_id, self._rebalance
            self._set_recovery_started()
            try:
                if await self._restore(generation, rebalance):
                    self._set_recovery_ended()
                    await self._resume_streams(generation_id=generation)
            except RebalanceAgain:
                continue
            except ServiceStopped:
                break
            except (Stuck, FatalCommit) as failure:
                app.engine.end_process(str(failure))
                break
            except KafkaException as failure:
                app.engine.end_process(_said(failure))
                break
            except GroupError as failure:
                why = await asyncio.to_thread(of_the_group, failure, app.engine.settings)
                app.engine.end_process(why)
                break
            except Exception as failure:  # rocksdict raises plain Exception: a full or broken disk
                self.log.exception("restore of generation %d", generation)
                app.engine.end_process(f"state could not be restored: {failure}")
                break

    async def _restore(self, generation: int, rebalance: int) -> bool:
        app = self.app

        def wanted() -> bool:
            # subtle: a rebalance that has begun, but has no generation yet, ends this one too
            return (
                not self.should_stop
                and generation == app.consumer_generation_id
                and rebalance == app.rebalancing_count
            )

        coordinator = app.consumer._thread._ensure_consumer()._coordinator
        numbers = app.engine.owned(app.consumer.assignment())
        return bool(
            await app.engine.store.restore(generation, coordinator.member_id, numbers, wanted)
        )


class TableManager(FaustTableManager):
    """Tables without changelog subscriptions."""

    _recovery: Recovery | None

    @property
    def recovery(self) -> Recovery:
        """Recovery service used by this table manager."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()
