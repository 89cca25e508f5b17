"""What comes in: bad events cost one dead letter each, and topics that do not ask for chunks behave
as ever.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from streams.serving.counts_view import read_counts
from tests.kafka.audit import committed_records
from tests.kafka.fleet import CALL_TIMEOUT_S, ROOT, Fleet, wait_for

pytestmark = pytest.mark.kafka

GOOD = {"slate_id": "s", "user_id": "u", "item_id": "i", "position": 0, "ts": 1_000_001_000.0}
# case -> key, value, words of the reason
BAD: dict[str, tuple[bytes | None, bytes | None, str]] = {
    "broken JSON": (b"u", b'{"slate_id": ', "broken JSON"),
    "not UTF-8": (b"u", b'{"slate_id": "\xff"}', "broken JSON"),
    "no value": (b"u", None, "no value"),
    "missing field": (
        b"u",
        json.dumps({k: v for k, v in GOOD.items() if k != "position"}).encode(),
        "position",
    ),
    "wrong type": (b"u", json.dumps({**GOOD, "item_id": 7}).encode(), "item_id"),
    "out of range": (b"u", json.dumps({**GOOD, "position": -1}).encode(), "position"),
    "position of 65 bits": (
        b"u",
        json.dumps({**GOOD, "position": 2**64}).encode(),
        "position",
    ),
    "before the year 2000": (
        b"u",
        json.dumps({**GOOD, "ts": "0001-01-01T00:00:00Z"}).encode(),
        "from 2000-01-01 on",
    ),
    "time in milliseconds": (b"u", json.dumps({**GOOD, "ts": 1.7e12}).encode(), "ts"),
    "2 MB": (
        b"u",
        json.dumps({**GOOD, "segment": "x" * 2_000_000}).encode(),
        "at most 1000000 bytes",
    ),
    "empty key": (b"", json.dumps(GOOD).encode(), "user's id as key"),
    "no key": (None, json.dumps(GOOD).encode(), "user's id as key"),
}


def test_each_bad_event_is_one_dead_letter_and_the_events_around_it_count(
    make_fleet: Callable[..., Fleet], tmp_path: pathlib.Path
) -> None:
    """Under a policy file that weighs places, so that each is looked up."""
    policy_file = tmp_path / "policy.toml"
    policy_file.write_text("examination = [1.0, 0.5]\n[policies.thompson]\n")
    fleet = make_fleet(1, SLATESTREAM_CHUNK_RECORDS=5, SLATESTREAM_POLICY_FILE=policy_file)
    places: dict[str, tuple[str, int, int]] = {}
    producer = Producer(
        {"bootstrap.servers": fleet.bootstrap, "message.max.bytes": 4_000_000, "log_level": 0}
    )
    good = 0
    for case, (key, value, _words) in BAD.items():
        for item in ("before", "after"):
            good += 1
            if item == "after":

                def delivered(_error: object, message: Message, case: str = case) -> None:
                    places[case] = (
                        message.topic() or "",
                        message.partition() or 0,
                        message.offset() or 0,
                    )

                producer.produce(
                    fleet.names.impressions, value, key, partition=1, on_delivery=delivered
                )
            event = {**GOOD, "slate_id": case, "item_id": item}
            producer.produce(fleet.names.impressions, json.dumps(event).encode(), b"u", partition=1)
    assert producer.flush(CALL_TIMEOUT_S) == 0
    fleet.start(fleet.workers[0])
    wait_for(
        "the good ones to count",
        lambda: sum(row["impressions"] for row in read_counts(fleet.settings)) == good,
    )
    letters = [
        json.loads(record.value() or b"")
        for record in committed_records(fleet.bootstrap, fleet.names.dead_letters, [0])
    ]
    found = {(letter["topic"], letter["partition"], letter["offset"]): letter for letter in letters}
    assert len(letters) == len(BAD)
    for case, (key, value, words) in BAD.items():
        letter = found[places[case]]
        assert words in letter["reason"], case
        assert letter["key"] == (None if key is None else key.decode()), case
        assert letter["value"] == (value or b"")[:65_536].decode(errors="replace"), case


PLAIN_APP = """
import faust
app = faust.App("{group}", broker="chunks://{bootstrap}", datadir="{directory}",
                topic_disable_leader=True, consumer_auto_offset_reset="earliest")
class Seen(faust.Record):
    number: int
@app.agent(app.topic("{topic}", value_type=Seen))
async def agent(stream):
    async for event in stream.events():
        with open("{out}", "a") as out:
            value, offset = event.value, event.message.offset
            out.write(f"{{type(value).__name__}} {{value.number}} {{offset}}\\n")
"""


def test_plain_topic_over_the_chunk_transport_behaves_as_ever(
    kafka: str, tmp_path: pathlib.Path
) -> None:
    name = f"plain-{time.time_ns()}"
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(CALL_TIMEOUT_S)
    producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
    out = tmp_path / "out"
    out.touch()
    (tmp_path / "plain_app.py").write_text(
        PLAIN_APP.format(
            group=name, bootstrap=kafka, directory=tmp_path / "data", topic=name, out=out
        )
    )

    def run_until(numbers: range) -> None:
        for number in numbers:
            producer.produce(name, json.dumps({"number": number}).encode())
        assert producer.flush(CALL_TIMEOUT_S) == 0
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
        command = [
            sys.executable,
            "-m",
            "faust",
            "-A",
            "plain_app",
            "worker",
            "-l",
            "info",
            "--without-web",
        ]
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_for(
                "the agent to see all", lambda: len(out.read_text().splitlines()) >= numbers.stop
            )
        finally:
            process.terminate()
            assert process.wait(30) == 0, (tmp_path / "log").read_text()

    run_until(range(20))
    # acknowledged one by one and committed by Faust: the second life goes on where the first ended
    run_until(range(20, 30))
    assert out.read_text().splitlines() == [f"Seen {number} {number}" for number in range(30)]
