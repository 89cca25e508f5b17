"""One user's flood on Kafka holds nobody back, and leaves no answer out and none twice when its
partition goes to another process in the middle of it.
"""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from tests.kafka import audit
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet, wait_for

pytestmark = pytest.mark.kafka

FLOOD, HONEST = 1500, 10


def test_users_take_turns_and_a_partition_moves_in_the_middle_of_a_flood(
    make_fleet: Callable[..., Fleet],
) -> None:
    """The log has all of the flood before the others; its answers have the others early on."""
    fleet = make_fleet(1, 1, serving=2)
    producer = Producer({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    for number in range(12):
        producer.produce(fleet.names.items, json.dumps({"item_id": f"i{number}"}), f"i{number}")
    producer.flush(CALL_TIMEOUT_S)
    first, second = fleet.serving
    fleet.start(fleet.workers[0])
    for each in (first, second):
        fleet.serve(each)
        wait_for("it to be ready", each.ready, 60.0)
    owner = first if "answering partitions [0]" in first.text() else second
    owner.pause()  # while it is produced
    ids = [f"bot-{number}" for number in range(FLOOD)]
    ids += [f"honest-{number}" for number in range(HONEST)]
    for name in ids:
        user = "bot" if name.startswith("bot") else name
        wanted = {"request_id": name, "user_id": user, "k": 3, "ts": time.time()}
        if user == "bot":
            wanted["segment"] = name
        producer.produce(fleet.names.slate_requests, json.dumps(wanted), user)
        producer.poll(0)
    assert producer.flush(CALL_TIMEOUT_S) == 0
    owner.resume()

    def answers() -> list[str]:
        records = audit.committed_records(fleet.bootstrap, fleet.names.slates, [0])
        return [json.loads(record.value() or b"")["slate_id"] for record in records]

    wait_for("the honest", lambda: set(ids[FLOOD:]) <= set(answers()))
    owner.signal(signal.SIGTERM)
    wait_for("everything to be answered", lambda: set(ids) <= set(answers()))
    wait_for("it to end", lambda: owner.status is not None)
    assert owner.status == 0, owner.text()[-2000:]
    found = answers()
    assert Counter(found) == Counter(ids)  # once each
    last = max(found.index(name) for name in ids[FLOOD:])
    assert last < FLOOD / 2, last
