"""The client of the latency benchmark, a process of its own: open-loop arrivals of slate requests
and of echo requests, the clock of each from before `produce()` to the receipt of its answer.

    python -m tests.benchmarks.latency_client '{"bootstrap": ..., "run": ..., "per_s": 200,
    "seed": 1, "drain_s": 10, "out": ...}'

Arrivals are Poisson, `per_s` of each kind, and wait for nobody. One producer and one consumer
serve both kinds, so what the client itself costs is in both alike. Says `{"ready": ...}`, begins at
a line on stdin, ends at the next one: then it waits for what is not answered, at most `drain_s`,
writes the times to `out` (`latency_figures.load_times`), and says so.
"""

import json
import random
import select
import sys
import threading
import time
from typing import Any

import numpy as np
import orjson
from confluent_kafka import Consumer, Producer

from tests.benchmarks.latency_echo import REPLIES, REQUESTS, WRITER, reader
from tests.benchmarks.latency_events import request
from tests.benchmarks.latency_load import say

SLATE_TOPICS = "slate-requests", "slates"
KINDS = {"slate": SLATE_TOPICS[0], "echo": REQUESTS}
SWITCH_S = 0.0005  # between the thread that sends and the one that receives
TWICE_S = 1.0  # a second answer to the same request would come by then
FLUSH_TIMEOUT_S = 20.0


class Receiver(threading.Thread):
    """Keeps (when, value) of every record; what they say is read when the clock has stopped."""

    def __init__(self, consumer: Consumer) -> None:
        super().__init__(daemon=True)
        self.consumer = consumer
        self.received: list[tuple[float, bytes]] = []
        self.over = threading.Event()

    def run(self) -> None:
        """The thread."""
        while not self.over.is_set():
            record = self.consumer.poll(0.05)
            if record is not None and not record.error():
                self.received.append((time.monotonic(), record.value()))


class Answers:
    """Of every request, when its first answer came and how many did."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.first: dict[str, dict[int, float]] = {kind: {} for kind in KINDS}
        self.times: dict[str, dict[int, int]] = {kind: {} for kind in KINDS}
        self.encoders: dict[str, int] = {}  # slates by the release they were made under
        self._read = 0

    def read(self, received: list[tuple[float, bytes]]) -> None:
        """Take over what came since the last call."""
        end = len(received)
        for at_s, value in received[self._read : end]:
            said = orjson.loads(value)
            # an echo is the request itself
            run, kind, number = (said.get("slate_id") or said["request_id"]).rsplit("-", 2)
            if run != self.run:
                continue  # a late answer of the condition before
            first, times = self.first[kind], self.times[kind]
            first.setdefault(int(number), at_s)
            times[int(number)] = times.get(int(number), 0) + 1
            if kind == "slate":
                encoder = str(said["encoder"])
                self.encoders[encoder] = self.encoders.get(encoder, 0) + 1
        self._read = end


def send(producer: Producer, run: str, per_s: float, rng: random.Random) -> Any:
    """Send until stdin says more; (times sent by kind, how late each arrival was sent)."""
    sent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    late: list[float] = []
    began = time.monotonic()
    due = {kind: began + rng.expovariate(per_s) for kind in KINDS}
    while not select.select([sys.stdin], [], [], 0)[0]:
        kind = min(due, key=lambda each: due[each])
        user, said = request(f"{run}-{kind}-{len(sent[kind])}", rng)
        value = orjson.dumps(said)
        time.sleep(max(0.0, due[kind] - time.monotonic()))
        now_s = time.monotonic()
        producer.produce(KINDS[kind], value, user)
        producer.poll(0)
        sent[kind].append(now_s)
        late.append(now_s - due[kind])
        due[kind] += rng.expovariate(per_s)
    producer.flush(FLUSH_TIMEOUT_S)
    return sent, late


def main(asked: dict[str, Any]) -> None:
    """Send, receive, drain, write."""
    sys.setswitchinterval(SWITCH_S)
    consumer = reader(asked["bootstrap"], "bench-client", [SLATE_TOPICS[1], REPLIES])
    producer = Producer({"bootstrap.servers": asked["bootstrap"], **WRITER})
    receiver = Receiver(consumer)
    receiver.start()
    say({"ready": True})
    sys.stdin.readline()
    sent, late = send(producer, asked["run"], asked["per_s"], random.Random(asked["seed"]))
    answers = Answers(asked["run"])
    end_s = time.monotonic() + asked["drain_s"]
    while time.monotonic() < end_s:
        answers.read(receiver.received)
        if all(len(answers.first[kind]) == len(sent[kind]) for kind in KINDS):
            break
        time.sleep(0.1)
    time.sleep(TWICE_S)
    receiver.over.set()
    receiver.join()
    answers.read(receiver.received)
    columns = {"end_s": np.array(time.monotonic()), "late_s": np.array(late)}
    for kind in KINDS:
        numbers = range(len(sent[kind]))
        columns[f"{kind}_sent_s"] = np.array(sent[kind])
        columns[f"{kind}_first_s"] = np.array([answers.first[kind].get(n, np.nan) for n in numbers])
        columns[f"{kind}_answers"] = np.array([answers.times[kind].get(n, 0) for n in numbers])
    np.savez(asked["out"], **columns)
    say({"encoders": answers.encoders})


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
