"""One round of chaos: a random history, a random plan of faults, three workers and two serving
processes, and the audit when all is read.
"""

from __future__ import annotations

import pathlib
import random
import time
from typing import NamedTuple

from tests.cluster import Cluster
from tests.kafka import audit
from tests.kafka.broker_faults import BrokerFaults
from tests.kafka.feed import Feed, Place
from tests.kafka.fleet import TRANSACTION_TIMEOUT_S, Fleet, Worker
from tests.kafka.history import make
from tests.kafka.plans import SERVING, plan

FEED_S = 7.0
# without anything sent, committed or hurt: whoever owns what is left does not go on
STUCK_S = 120.0
SILENCE_S = 1.2  # several flush intervals, and a chunk on its way
SETTLE_S = 0.8  # several flush intervals: whatever a worker still wants to commit, it has
LOOK_EVERY_S = 0.1
AFTER_TAKEOVER_S = 2.5  # a paused worker wakes so long after others have taken over,
TAKEOVER_S, IN_TRANSACTION_S = 30.0, 0.9 * TRANSACTION_TIMEOUT_S  # at the latest after so long
KILLED = -9


class Result(NamedTuple):
    """What a round showed; `findings` empty is the aim."""

    seed: int
    seconds: float
    events: int
    crash: str
    kills: int
    pauses: int
    wipes: int
    broker_restarts: int
    ended: int
    serving_faults: int
    findings: tuple[str, ...]


class Round:
    """Runs one plan to its end."""

    def __init__(
        self,
        cluster: Cluster,
        directory: pathlib.Path,
        seed: int,
        index: int,
        partitions: int,
        workers: int,
        mutant: str,
    ) -> None:
        rnd = random.Random(seed)
        self.seed, self.index, self.partitions = seed, index, partitions
        self.cluster = cluster
        self.plan = plan(rnd, index, workers, len(cluster.nodes))
        environ = {**self.plan.settings, **({"CHAOS_MUTANT": mutant} if mutant else {})}
        self.fleet = Fleet(
            cluster.bootstrap,
            directory,
            f"r{seed}-{time.time():.0f}.",
            workers,
            environ,
            SERVING,
            len(cluster.nodes),
        )
        self.history = make(rnd, time.time(), self.plan.events)
        self.feed = Feed(cluster.bootstrap, self.fleet.names, self.history, FEED_S)
        self.began_s = 0.0
        self.restart_at: dict[str, float] = {}
        self.resume_at: dict[str, float] = {}
        self.kills_left = list(self.plan.kills)
        self.serving_left = list(self.plan.serving)
        self.serving_wakes: dict[int, float] = {}
        self.done = {"crash": 0, "kills": 0, "pauses": 0, "wipes": 0, "ended": 0}
        self.done["serving"] = 0
        self.takeovers, self.taken_over = 0, False  # when a worker was paused, and since then
        self.silent_since_s = 0.0
        self.pause_due = self.plan.pause is not None
        self.brokers = BrokerFaults(cluster, self.plan.brokers)

    def run(self) -> Result:
        """Raises nothing that a fault can cause: a round that does not finish is a finding."""
        self.fleet.create_topics(self.partitions)
        self.began_s = time.monotonic()
        victim, point, passes = self.plan.crash
        self.fleet.workers[victim].trap.arm(point, "kill", passes)
        findings: list[str] = []
        try:
            for worker in self.fleet.workers:
                self.fleet.start(worker)
            for serving in self.fleet.serving:
                self.fleet.serve(serving)
            self.feed.start()
            self._until_read()
        except TimeoutError as failure:
            findings.append(str(failure))
        finally:
            seconds = time.monotonic() - self.began_s
            self.brokers.end()
            self.fleet.close()
        if not findings:
            findings += audit.totals(self.fleet, self.history)
            findings += audit.outcomes(self.fleet, self.history)
            findings += audit.dead_letters(self.fleet, self.feed)
            findings += audit.answers(
                self.fleet, self.history, self.done["serving"], self.partitions
            )
            findings += audit.disks(self.fleet, self.partitions)
        self.fleet.delete_topics()
        done = self.done
        return Result(
            self.seed,
            seconds,
            self.plan.events,
            f"{point} x{passes}",
            done["crash"] + done["kills"],
            done["pauses"],
            done["wipes"],
            sum(self.brokers.done.values()),
            done["ended"],
            done["serving"],
            tuple(findings),
        )

    def _until_read(self) -> None:
        settled_at: float | None = None
        progress: object = None
        progressed_at_s = 0.0
        while True:
            time.sleep(LOOK_EVERY_S)
            self._faults(time.monotonic() - self.began_s)
            now_s = time.monotonic() - self.began_s
            if self.feed.failure is not None:
                raise TimeoutError(self.feed.failure)
            left = self._left()
            faults = tuple(self.done.values()), tuple(self.brokers.done.values())
            here = left, sum(self.feed.ends.values()), faults
            if here != progress:
                progress, progressed_at_s = here, now_s
            if now_s - progressed_at_s > STUCK_S:
                raise TimeoutError(f"nothing moved for {STUCK_S:g} s: {left}; {self.feed.stage}")
            quiet = (
                self.feed.done
                and not self._faults_due()
                and all(worker.running for worker in self.fleet.workers)
            )
            if not quiet or left:
                settled_at = None
            elif settled_at is None:
                settled_at = now_s
            elif now_s - settled_at > SETTLE_S:
                return

    def _left(self) -> dict[Place, int]:
        """Records of the sources that the group has not committed."""
        places = list(self.feed.ends)
        committed = self.fleet.committed(places) if places else {}
        return {
            place: self.feed.ends[place] - committed[place]
            for place in places
            if committed[place] < self.feed.ends[place]
        }

    def _faults_due(self) -> bool:
        due = (
            self.kills_left
            or self.restart_at
            or self.resume_at
            or self.pause_due
            or self.brokers.due
            or self.serving_left
            or self.serving_wakes
            or not self.done["crash"]
        )
        return bool(due)

    def _faults(self, now_s: float) -> None:
        for worker in self.fleet.workers:
            self._look_at(worker, now_s)
        for at_s, number in list(self.kills_left):
            if now_s > at_s:
                self.kills_left.remove((at_s, number))
                if self.fleet.workers[number].running:
                    self.fleet.workers[number].kill()
                    self.done["kills"] += 1
        self._serving_faults(now_s)
        self.brokers.step(now_s)
        if self.pause_due:
            self._pause(now_s)
        victim, point, _ = self.plan.crash
        if self.feed.low and self.fleet.workers[victim].trap.armed.exists():
            # a slow machine: there may not be as many flushes as planned
            self.fleet.workers[victim].trap.arm(point, "kill", 1)
        if self.feed.low and self.plan.pause is not None and "armed" in self.resume_at:
            number, at_point, _ = self.plan.pause
            if at_point is not None and self.fleet.workers[number].trap.armed.exists():
                self.fleet.workers[number].trap.arm(at_point, "stop", 1)
        # subtle: paused workers may resume after the feed, the last crash must come before its end
        if self.done["crash"] and not self.pause_due and not self.brokers.due:
            self.feed.release.set()

    def _serving_faults(self, now_s: float) -> None:
        for number, until_s in list(self.serving_wakes.items()):
            if now_s > until_s:
                del self.serving_wakes[number]
                self.fleet.serving[number].resume()
        for fault in list(self.serving_left):
            at_s, number, stopped_s = fault
            serving = self.fleet.serving[number]
            if now_s < at_s or number in self.serving_wakes:
                continue
            self.serving_left.remove(fault)
            self.done["serving"] += 1
            if stopped_s:
                serving.pause()
                self.serving_wakes[number] = now_s + stopped_s
            else:
                serving.kill()
        for serving in self.fleet.serving:
            if serving.status is not None:
                self.fleet.serve(serving)

    def _look_at(self, worker: Worker, now_s: float) -> None:
        if worker.name in self.resume_at:
            if not self.taken_over and self._takeovers(worker) > self.takeovers + 1:
                # subtle: a pause that ends before others have counted much would be none; how late
                # they take over is up to the machine
                self.taken_over = True
                self.resume_at[worker.name] = now_s + AFTER_TAKEOVER_S
            if now_s > self.resume_at[worker.name]:
                del self.resume_at[worker.name]
                worker.resume()
            return
        if worker.name in self.restart_at:
            if now_s > self.restart_at[worker.name]:
                del self.restart_at[worker.name]
                self.fleet.start(worker)
            return
        if worker.trap.fired.exists():
            in_flush = "kill" in worker.trap.fired.read_text()
            worker.trap.disarm()
            if not in_flush:
                self._stopped(worker, now_s)
                return
            worker.kill()  # waits for the end that is under way
            self.done["crash"] += 1
            if self.plan.wipe:
                worker.wipe()
                self.done["wipes"] += 1
        status = worker.status
        if status is not None:
            if status != KILLED:
                self.done["ended"] += 1
            self.restart_at[worker.name] = now_s + (self.seed + self.index) % 10 / 10

    def _pause(self, now_s: float) -> None:
        assert self.plan.pause is not None
        number, point, passes = self.plan.pause
        worker = self.fleet.workers[number]
        if point is not None:
            worker.trap.arm(point, "stop", passes)
            self.pause_due = False
            self.resume_at.setdefault("armed", float("inf"))
        elif worker.running and "Resuming flow" in worker.text():
            # After a silence the worker has nothing to flush: its memory is clean, and stale when
            # it wakes.
            if not self.feed.silence.is_set():
                self.feed.silence.set()
                self.silent_since_s = now_s
            elif now_s - self.silent_since_s > SILENCE_S:
                worker.pause()
                self.pause_due = False
                self._stopped(worker, now_s)
                self.feed.silence.clear()

    def _stopped(self, worker: Worker, now_s: float) -> None:
        assert self.plan.pause is not None
        self.resume_at.pop("armed", None)
        worker.stopped = True
        self.done["pauses"] += 1
        # Inside a transaction the pause must be over before the broker aborts it: others wait for
        # it to be decided.
        open_ended = self.plan.pause[1] in (None, "begin", "committed")
        self.taken_over = False
        self.takeovers = self._takeovers(worker)
        self.resume_at[worker.name] = now_s + (TAKEOVER_S if open_ended else IN_TRANSACTION_S)

    def _takeovers(self, paused: Worker) -> int:
        """How often the other workers have got partitions so far."""
        return sum(
            worker.text().count(": own [") for worker in self.fleet.workers if worker is not paused
        )
