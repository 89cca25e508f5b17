"""HTTP on Apache Kafka: what is asked and sent over HTTP stands in the topics, and a process that
ends answers what it has begun.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from streams.serving.counts_view import read_counts
from tests.kafka import audit
from tests.kafka.fleet import Fleet, Serving, wait_for
from tests.kafka.test_serving import PARTITIONS, Shop

pytestmark = pytest.mark.kafka


TOKEN, PUBLIC = "full-token", "public-token"
ITEMS = [f"item-{number}" for number in range(8)]


def call(
    serving: Serving, path: str, body: Any = None, token: str = TOKEN
) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a call; a body that is not None is posted."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{serving.port}{path}",
        data,
        {"Authorization": f"Bearer {token}", "X-Request-Id": "call-1"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def lines(topic: str, *events: dict[str, Any]) -> bytes:
    return b"\n".join(json.dumps({"topic": topic, "event": each}).encode() for each in events)


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    fleet = make_fleet(
        1,
        PARTITIONS,
        serving=1,
        SLATESTREAM_HTTP_TOKEN=TOKEN,
        SLATESTREAM_HTTP_PUBLIC_TOKEN=PUBLIC,
        SLATESTREAM_HTTP_PUBLIC_RATE_PER_S=0,
        SLATESTREAM_HTTP_DRAIN_S=1,
    )
    fleet.start(fleet.workers[0])
    fleet.serve(fleet.serving[0])
    wait_for("both to be ready", lambda: fleet.workers[0].ready() and fleet.serving[0].ready())
    return fleet


def records(fleet: Fleet, topic: str, partitions: int = PARTITIONS) -> list[Any]:
    name = fleet.names.prefix + topic
    return list(audit.committed_records(fleet.bootstrap, name, list(range(partitions))))


def test_a_shop_that_speaks_http_only_is_learned_from(fleet: Fleet) -> None:
    (serving,) = fleet.serving
    status, found = call(
        serving, "/v1/events", lines("items", *({"item_id": item} for item in ITEMS))
    )
    assert (status, found) == (202, {"accepted": 8, "rejected": []})
    assert {record.key().decode() for record in records(fleet, "items", 1)} == set(ITEMS)
    wait_for("items", lambda: call(serving, "/v1/health")[1]["items_available"] == 8)

    users = [f"user-{number}" for number in range(20)]
    slates = {}
    for user in users:
        wanted = {"user_id": user, "request_id": f"r-{user}", "k": 4}
        status, slates[user] = call(serving, "/v1/slates", wanted, PUBLIC)
        assert status == 200
        assert len(slates[user]["items"]) == 4
    assert call(serving, "/v1/slates", {**wanted, "k": 7}, PUBLIC) == (200, slates[users[-1]])
    wait_for("slates on Kafka", lambda: len(records(fleet, "slates")) >= len(users))
    published = {json.loads(each.value())["slate_id"]: each for each in records(fleet, "slates")}
    for user, slate in slates.items():
        record = published[slate["slate_id"]]
        assert record.key().decode() == user
        assert json.loads(record.value()) == slate
        assert ("x-request-id", b"call-1") in record.headers()

    now_s = time.time()
    body = b"\n".join(
        lines(topic, {"slate_id": slate["slate_id"], "user_id": user, "ts": now_s, **more})
        for user, slate in slates.items()
        for topic, more in (
            ("impressions", {}),  # the whole slate that was served over HTTP
            ("clicks", {"item_id": slate["items"][0]["item_id"]}),
        )
    )
    status, found = call(serving, "/v1/events", body + b"\n{", PUBLIC)
    assert (status, found["accepted"]) == (202, 40)
    assert [each["line"] for each in found["rejected"]] == [41]
    # a user's events and slates share a partition
    places: dict[str, set[int]] = {}
    for topic in ("slates", "impressions", "clicks"):
        for record in records(fleet, topic):
            places.setdefault(record.key().decode(), set()).add(record.partition())
    assert {len(each) for each in places.values()} == {1}

    def counted() -> tuple[float, float]:
        rows = list(read_counts(fleet.settings))
        return sum(row["impressions"] for row in rows), sum(row["clicks"] for row in rows)

    wait_for("the counts", lambda: counted() == (80, 20))

    def segment() -> dict[str, Any]:
        segments = call(serving, "/v1/segments")[1]["segments"]
        return next((each for each in segments if each["segment"] == "default"), {})

    wait_for(
        "them to be served",
        lambda: (segment().get("impressions"), segment().get("clicks")) == (80, 20),
    )
    rows = call(serving, "/v1/segments/default/items")[1]["items"]
    assert sum(row["clicks"] for row in rows) == 20
    assert sum(row["exposure_share"] for row in rows) == pytest.approx(1)
    assert all(0 <= row["low"] <= row["high"] <= 1 for row in rows)
    slate_id, first = f"r-{users[0]}", slates[users[0]]["items"][0]["item_id"]
    wait_for("its click", lambda: call(serving, f"/v1/slates/{slate_id}")[1]["clicked"] == [first])


def test_what_a_request_says_is_heard_over_kafka_and_http_alike(fleet: Fleet) -> None:
    (serving,) = fleet.serving
    items = [
        {"item_id": item, "title": item.upper(), "category": "ab"[number % 2]}
        for number, item in enumerate(ITEMS)
    ]
    call(serving, "/v1/events", lines("items", *items))
    wait_for("items", lambda: call(serving, "/v1/health")[1]["items_available"] == 8)
    wanted = {
        "user_id": "u",
        "k": 3,
        "ts": time.time(),
        "filter": {"category": ["a"]},
        "pin": [{"item_id": ITEMS[7], "position": 1}],
        "objectives": {"click": 1, "freshness": 0.5},
        "fields": ["title"],
    }
    shop = Shop(fleet)
    shop.send("slate-requests", "u", {**wanted, "request_id": "kafka"})
    shop.send("slate-requests", "u", {**wanted, "request_id": "bad", "k": 1})
    shop.flush()
    status, over_http = call(serving, "/v1/slates", {**wanted, "request_id": "http"})
    assert status == 200
    shop.wait_answered(["kafka", "http"])
    (over_kafka,) = (
        found
        for each in records(fleet, "slates")
        if (found := json.loads(each.value()))["slate_id"] == "kafka"
    )
    for slate in (over_http, over_kafka):
        assert [item["item_id"] == ITEMS[7] for item in slate["items"]] == [False, True, False]
        assert slate["items"][1]["propensity"] == 1.0
        assert {item["item_id"] for item in slate["items"]} - {ITEMS[7]} <= set(ITEMS[::2])
        for item in slate["items"]:
            assert item["fields"] == {"title": item["item_id"].upper()}
            assert "freshness" in item["why"] or "pinned" in item["why"]
    wait_for("the dead letter", lambda: len(records(fleet, "dead-letters", 1)) == 1)
    (letter,) = records(fleet, "dead-letters", 1)
    assert "below `k`" in json.loads(letter.value())["reason"]


def test_dead_letters_are_read_and_what_may_not_be_done_is_not(fleet: Fleet) -> None:
    (serving,) = fleet.serving
    event = {"slate_id": "s", "user_id": "u", "item_id": "i", "ts": time.time()}
    assert call(serving, "/v1/events", lines("clicks", event), "wrong")[0] == 401
    assert call(serving, "/v1/health", token=PUBLIC)[0] == 401
    assert records(fleet, "clicks") == []
    shop = Shop(fleet)
    shop.send("clicks", "u", b"{")
    shop.flush()
    wait_for(
        "the dead letter", lambda: call(serving, "/v1/dead-letters")[1].get("dead_letters"), 30, 0.5
    )
    (letter,) = call(serving, "/v1/dead-letters")[1]["dead_letters"]
    assert (letter["value"], letter["key"]) == ("{", "u")
    assert "broken JSON" in letter["reason"]


def test_sigterm_costs_no_slate_that_was_answered_and_no_event_that_was_accepted(
    fleet: Fleet,
) -> None:
    (serving,) = fleet.serving
    call(serving, "/v1/events", lines("items", *({"item_id": item} for item in ITEMS)))
    wait_for("items", lambda: call(serving, "/v1/health")[1]["items_available"] == 8)
    answered: set[str] = set()
    accepted: set[str] = set()
    faults: list[str] = []

    def visit(name: str) -> None:
        for number in range(10_000):
            wanted = {"user_id": name, "request_id": f"{name}-{number}"}
            event = {"slate_id": f"{name}-{number}", "user_id": name, "ts": time.time()}
            try:
                status, found = call(serving, "/v1/slates", wanted)
                if status == 200:
                    answered.add(found["slate_id"])
                else:
                    faults.append(f"{status} {found}")
                status, found = call(serving, "/v1/events", lines("impressions", event))
                if status == 202:
                    accepted.add(event["slate_id"])
                else:
                    faults.append(f"{status} {found}")
            except OSError:  # nobody listens any more, or ceased to before it was read
                return

    visitors = [threading.Thread(target=visit, args=(f"v{n}",)) for n in range(4)]
    for each in visitors:
        each.start()
    time.sleep(1.5)
    serving.signal(signal.SIGTERM)
    wait_for("it to say so", lambda: not serving.ready(), every_s=0.02)
    before = len(answered)
    time.sleep(0.5)  # of the second in which balancers hear of it
    assert len(answered) > before
    wait_for("it to end", lambda: serving.status is not None)
    for each in visitors:
        each.join(30)
    assert serving.status == 0, serving.text()[-2000:]
    assert len(answered) > 20
    assert not faults
    slates = {json.loads(each.value())["slate_id"] for each in records(fleet, "slates")}
    seen = {json.loads(each.value())["slate_id"] for each in records(fleet, "impressions")}
    assert answered <= slates
    assert accepted <= seen
    with contextlib.suppress(OSError):
        call(serving, "/healthz")
        pytest.fail("somebody listens")
