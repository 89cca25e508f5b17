"""How producers go wrong most often is said where people look: on /metrics, in `doctor`, in
health; by what values look like, without a value.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from streams import cli
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet, wait_for

pytestmark = pytest.mark.kafka

EVENTS = 40
SECRETS = ("Anna-0", "red.mug.0")  # a user's id and a key


def page(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return str(answer.read().decode())


def metric(port: int, line: str) -> float:
    found = [each for each in page(port, "/metrics").splitlines() if each.startswith(line)]
    return float(found[0].split()[-1]) if found else 0.0


def test_keys_that_are_no_users_and_positions_from_1_are_said_everywhere(
    make_fleet: Callable[..., Fleet], capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = make_fleet(1, 2, serving=1)
    producer = Producer({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    for number in range(EVENTS):
        event: dict[str, Any] = {"slate_id": f"s{number}", "user_id": f"Anna-{number}"}
        event |= {"item_id": f"red.mug.{number}", "ts": time.time()}
        seen = json.dumps(event | {"position": 1 + number % 5})
        producer.produce(fleet.names.impressions, seen, event["item_id"])
        producer.produce(fleet.names.clicks, json.dumps(event), event["user_id"], partition=0)
    assert producer.flush(CALL_TIMEOUT_S) == 0
    (worker,), (serving,) = fleet.workers, fleet.serving
    fleet.start(worker)
    fleet.serve(serving)
    wait_for("both to be ready", lambda: worker.ready() and serving.ready())
    other = 'slatestream_sampled_events_total{key="other",topic="impressions"}'
    wait_for("events to be sampled", lambda: metric(worker.port, other) > 0)
    assert metric(worker.port, other.replace("other", "user")) == 0
    assert metric(worker.port, other.replace("impressions", "clicks")) == 0
    assert metric(worker.port, 'slatestream_sampled_positions_total{position="0"}') == 0
    assert metric(worker.port, 'slatestream_sampled_positions_total{position="other"}') > 0

    capsys.readouterr()
    assert cli.main(["doctor", "--json"], fleet.environ) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    said = {line["found"]: line for line in lines if line["check"] == "events"}
    by_key = next(line for text, line in said.items() if "not their user_id" in text)
    assert by_key["status"] == "bad"
    assert "key a.a.9, " in by_key["found"]
    assert "user_id Aa-9, " in by_key["found"]
    assert "that key is the event's item_id" in by_key["found"]
    assert by_key["remedy"].startswith("Produce to `impressions` with the user_id as key")
    by_position = next(line for text, line in said.items() if "no position 0" in text)
    assert (by_position["status"], by_position["remedy"]) == ("care", "Count positions from 0.")

    def found() -> dict[str, dict[str, str]]:
        health = json.loads(page(serving.port, "/v1/health"))
        return {each["code"]: each for each in health["findings"]}

    wait_for("health to say so", lambda: {"other-key", "positions"} <= set(found()))
    assert "key a.a.9, " in found()["other-key"]["text"]
    told = json.dumps([lines, found()]) + page(worker.port, "/metrics")
    assert not [secret for secret in SECRETS if secret in told]
