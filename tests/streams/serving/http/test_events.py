"""Events over HTTP: what a worker would take is on Kafka, of the rest a reason comes back."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from tests.streams.serving.http.site import Site

NOW_S = time.time()
SEEN = {"slate_id": "s", "user_id": "u", "item_id": "i", "position": 0, "ts": NOW_S}
CLICKED = {"slate_id": "s", "user_id": "ü", "item_id": "i", "ts": NOW_S}
ITEM = {"item_id": "mug", "title": "Mug"}


def line(topic: str, event: Any) -> dict[str, Any]:
    return {"topic": topic, "event": event}


def lines(*found: Any) -> bytes:
    return b"\n".join(
        each if isinstance(each, bytes) else json.dumps(each).encode() for each in found
    )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, SLATESTREAM_TOPIC_PREFIX="shop.", SLATESTREAM_SEGMENT_FIELDS="age")


GOOD = [line("impressions", SEEN), line("clicks", CLICKED), line("items", ITEM)]


@pytest.mark.parametrize("body", [lines(*GOOD), json.dumps(GOOD, indent=1).encode()])
def test_lines_and_an_array_are_produced_under_their_keys(site: Site, body: bytes) -> None:
    async def visit(client: Any) -> None:
        answer = await client.post("/v1/events", data=body, headers={"X-Request-Id": "x"})
        assert answer.status == 202
        assert await answer.json() == {"accepted": 3, "rejected": []}
        found = [(topic, key, json.loads(value)) for topic, key, value, _ in site.events.sent]
        assert found == [
            ("shop.impressions", b"u", SEEN),
            ("shop.clicks", "ü".encode(), CLICKED),
            ("shop.items", b"mug", ITEM),
        ]
        assert site.events.sent[0][3] == {"headers": [("x-request-id", b"x")]}

    site.run(visit)


def test_each_bad_line_is_named_with_its_reason_and_the_others_are_taken(site: Site) -> None:
    bad = [
        (b"{", "broken JSON"),
        (b"[]", "object"),
        (line("slates", {}), "topic"),
        (line("slate-requests", {}), "topic"),
        (line("clicks", {**CLICKED, "ts": NOW_S * 1000}), "`ts`"),
        (line("clicks", {**CLICKED, "ts": NOW_S + 10**6}), "MAX_AHEAD"),
        (line("clicks", {"slate_id": "s"}), "user_id"),
        (line("clicks", None), "object"),
        (line("impressions", {**SEEN, "position": 10_000}), "position"),
        (line("impressions", {**SEEN, "context": {"age": [1]}}), "context.age"),
        (line("items", {"item_id": ""}), "item_id"),
        (line("items", {**ITEM, "text": "x" * 1_000_001}), "MAX_EVENT_BYTES"),
    ]
    body = lines(GOOD[0], *(each for each, _ in bad), b"  ", GOOD[1])

    async def visit(client: Any) -> None:
        answer = await client.post("/v1/events", data=body)
        assert answer.status == 202
        found = await answer.json()
        assert found["accepted"] == 2
        assert [each["line"] for each in found["rejected"]] == list(range(2, 2 + len(bad)))
        for each, (_, part) in zip(found["rejected"], bad, strict=True):
            assert part in each["reason"], each
        assert len(site.events.sent) == 2

    site.run(visit)
    registry = site.world.metrics.registry
    for topic, outcome, number in (("clicks", "accepted", 1), ("", "rejected", len(bad))):
        labels = {"topic": topic, "outcome": outcome}
        assert registry.get_sample_value("slatestream_http_events_total", labels) == number


@pytest.mark.parametrize("body", [b"", b" \n ", b"[]", b"[1, 2", b"\n" + b"{}\n" * 10_001])
def test_a_body_without_events_or_with_too_many_is_a_400(site: Site, body: bytes) -> None:
    async def visit(client: Any) -> None:
        assert (await client.post("/v1/events", data=body)).status == 400

    site.run(visit)


def test_it_is_accepted_only_when_kafka_has_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.serving.http.event_sender.DELIVERY_S", 0.1)

    async def visit(client: Any) -> None:
        site.events.away = True
        answer = await client.post("/v1/events", data=lines(*GOOD))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "counts once" in (await answer.json())["error"]
        site.events.away = False
        assert (await client.post("/v1/events", data=lines(*GOOD))).status == 202

    site.run(visit)


def test_what_kafka_refuses_is_no_202(site: Site) -> None:
    async def visit(client: Any) -> None:
        site.events.error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
        answer = await client.post("/v1/events", data=lines(GOOD[1]))
        assert answer.status == 503
        assert "shop.clicks" in (await answer.json())["error"]
        site.events.error = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
        large = await (await client.post("/v1/events", data=lines(b"{", GOOD[1]))).json()
        assert large["accepted"] == 0
        assert [each["line"] for each in large["rejected"]] == [1, 2]

    site.run(visit)


def test_brokers_that_are_behind_are_a_503(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.serving.http.event_sender.MOST_UNDER_WAY", 2)

    async def visit(client: Any) -> None:
        assert (await client.post("/v1/events", data=lines(*GOOD))).status == 503
        assert (await client.post("/v1/events", data=lines(*GOOD[:2]))).status == 202

    site.run(visit)


def test_the_public_token_sends_events_of_users_and_no_items(tmp_path: Path) -> None:
    site = Site(tmp_path, SLATESTREAM_HTTP_TOKEN="t", SLATESTREAM_HTTP_PUBLIC_TOKEN="p")

    async def visit(client: Any) -> None:
        headers = {"Authorization": "Bearer p"}
        answer = await client.post("/v1/events", data=lines(*GOOD), headers=headers)
        found = await answer.json()
        assert (found["accepted"], [each["line"] for each in found["rejected"]]) == (2, [3])
        assert [topic for topic, *_ in site.events.sent] == ["impressions", "clicks"]

    site.run(visit)


def test_ten_thousand_events_go_at_once(site: Site) -> None:
    async def visit(client: Any) -> None:
        answer = await client.post("/v1/events", data=io.BytesIO(lines(*[GOOD[1]] * 10_000)))
        assert await answer.json() == {"accepted": 10_000, "rejected": []}

    site.run(visit)
