"""Faults of brokers in a round: killed, stopped in order, restarted, or cut off (SIGSTOP), each
back after a while. One at a time, and the next only when every partition is in sync again: two
replicas of three must be there.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.cluster import Cluster

KINDS = ("kill", "stop", "restart", "pause")
STOP_S = 30.0  # a broker that stops in order moves its leaders first
LOOK_S = 2.0  # of a call that asks for the partitions


class BrokerFault(NamedTuple):
    """`kind` is one of `KINDS`; the broker is back after `for_s` seconds."""

    at_s: float
    node: int
    kind: str
    for_s: float


class BrokerFaults:
    """Carries out the faults of a plan; `done` counts them by kind."""

    def __init__(self, cluster: Cluster, faults: tuple[BrokerFault, ...]) -> None:
        self.done: dict[str, int] = {}
        self._cluster = cluster
        self._left = sorted(faults)
        self._away: tuple[BrokerFault, float] | None = None  # and when it comes back
        self._admin: AdminClient | None = None

    @property
    def due(self) -> bool:
        """Whether some are left, or a broker is away."""
        return bool(self._left) or self._away is not None

    def step(self, now_s: float) -> None:
        """What is to be done now."""
        if self._away is not None:
            fault, back_s = self._away
            if now_s > back_s and self._gone(fault, now_s - back_s > STOP_S):
                self._bring_back(fault)
                self._away = None
            return
        if self._left and now_s > self._left[0].at_s and self._in_sync():
            fault = self._left.pop(0)
            self._take_away(fault)
            self.done[fault.kind] = self.done.get(fault.kind, 0) + 1
            self._away = fault, now_s + fault.for_s

    def end(self) -> None:
        """Bring back what is away, and wait for all of them: the round is over."""
        if self._away is not None:
            self._gone(self._away[0], killed=True)
            self._bring_back(self._away[0])
            self._away = None
        self._cluster.wait_ready(300.0)
        end = time.monotonic() + 120.0
        while not self._in_sync() and time.monotonic() < end:
            time.sleep(0.5)

    def _take_away(self, fault: BrokerFault) -> None:
        if fault.kind == "kill":
            self._cluster.kill(fault.node)
        elif fault.kind == "pause":
            self._cluster.pause(fault.node)
        else:  # in order; it has until it comes back
            self._cluster.processes[fault.node].terminate()

    def _gone(self, fault: BrokerFault, killed: bool) -> bool:
        """Whether the broker has ended, or is only stopped; one that does not end is killed."""
        ended = fault.kind == "pause" or self._cluster.processes[fault.node].poll() is not None
        if not ended and killed:
            self._cluster.kill(fault.node)
        return ended or killed

    def _bring_back(self, fault: BrokerFault) -> None:
        if fault.kind == "pause":
            self._cluster.resume(fault.node)
        else:
            self._cluster.launch(fault.node)

    def _in_sync(self) -> bool:
        """Whether every partition has all of its replicas."""
        if self._admin is None:
            self._admin = AdminClient(
                {"bootstrap.servers": self._cluster.bootstrap, "log_level": 0}
            )
        try:
            topics = self._admin.list_topics(timeout=LOOK_S).topics.values()
        except KafkaException:
            return False
        return all(
            len(each.isrs) == len(each.replicas) and each.leader >= 0
            for topic in topics
            for each in topic.partitions.values()
        )
