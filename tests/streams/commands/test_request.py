"""`request`: one question, its own answer."""

from __future__ import annotations

import json
import threading
import uuid

import pytest

from streams import cli
from streams.contract.events import Slate, SlateItem, decode_slate_request, encode
from streams.kafka.producer import EventSender
from streams.kafka.topic_reader import TopicReader


@pytest.fixture
def env(local_broker: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    made = {
        "KAFKA_BOOTSTRAP_SERVERS": local_broker,
        "SLATESTREAM_TOPIC_PREFIX": f"{uuid.uuid4().hex}.",
        "SLATESTREAM_TOPIC_PARTITIONS": "2",
    }
    assert cli.main(["topics", "create"], made) == 0
    capsys.readouterr()
    return made


def answer_one(env: dict[str, str]) -> None:
    """A serving process in four lines: somebody else's slate first, then the answer."""
    client = {"bootstrap.servers": env["KAFKA_BOOTSTRAP_SERVERS"]}
    prefix = env["SLATESTREAM_TOPIC_PREFIX"]
    with TopicReader(client, prefix + "slate-requests") as reader:
        wanted = decode_slate_request(next(reader.for_ever()).value())
    sender = EventSender(client)
    for slate_id in ("another", wanted.request_id):
        items = [SlateItem("i1", 0, 0.25, 0.5, {"mean": 0.2, "ucb": 0.05})]
        slate = Slate(
            slate_id,
            slate_id,
            wanted.user_id,
            "g",
            wanted.segment or "default",
            "base",
            "p",
            "v",
            None,
            1.0,
            items,
            1.0,
        )
        sender.send(prefix + "slates", wanted.user_id.encode(), encode(slate))
    sender.flush()


@pytest.mark.local
@pytest.mark.parametrize("as_json", [True, False])
def test_the_answer_with_the_request_s_id_is_printed(
    env: dict[str, str], as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = threading.Thread(target=answer_one, args=(env,))
    worker.start()
    flags = ["--json"] if as_json else []
    assert cli.main(["request", "--user", "u9", "--segment", "seg", "--k", "3", *flags], env) == 0
    worker.join()
    out = capsys.readouterr().out
    if as_json:
        slate = json.loads(out)
        assert (slate["user_id"], slate["segment"], slate["items"][0]["item_id"]) == (
            "u9",
            "seg",
            "i1",
        )
        assert slate["slate_id"] == slate["request_id"] != "another"
    else:
        assert "segment seg, policy p (v), encoder none" in out
        assert "mean 0.2, ucb 0.05" in out


@pytest.mark.local
def test_no_answer_in_time_is_a_failure_that_asks_for_a_worker(
    env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["request", "--user", "u", "--timeout", "0.5"], env) == 1
    assert "within 0.5 s, found none; is a worker running" in capsys.readouterr().err
