"""Slates over HTTP: the same as over Kafka, and the same request gets the same slate."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from streams.contract.events import decode_slate
from streams.serving.http import endpoint as endpoint_module
from streams.serving.watch.slate_feedback import Found
from tests.streams.serving.http.site import Site
from tests.streams.serving.world import ITEMS, World

ASKED = {"request_id": "r", "user_id": "u", "k": 3}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_slate_is_answered_and_stands_on_slates_under_the_users_key(site: Site) -> None:
    async def visit(client: Any) -> None:
        answer = await client.post("/v1/slates", json={**ASKED, "segment": "x"})
        assert (answer.status, answer.content_type) == (200, "application/json")
        body = await answer.read()
        slate = decode_slate(body)
        assert (slate.slate_id, slate.user_id, slate.segment) == ("r", "u", "x")
        assert len(slate.items) == 3
        (sent,) = site.slates.sent
        assert sent[:3] == ("slates", b"u", body)
        await asyncio.sleep(0.02)
        assert site.outbox.under_way == 0  # its delivery was heard of

    site.run(visit)


def test_what_may_be_left_out_is_made(site: Site) -> None:
    async def visit(client: Any) -> None:
        slates = [
            decode_slate(await (await client.post("/v1/slates", json={"user_id": "u"})).read())
            for _ in range(2)
        ]
        assert slates[0].slate_id != slates[1].slate_id
        assert len(slates[0].items) == 10

    site.run(visit)


def test_the_same_request_id_gets_the_same_slate_when_everything_has_changed(site: Site) -> None:
    async def visit(client: Any) -> None:
        first = await (await client.post("/v1/slates", json=ASKED)).read()
        for item in ITEMS[:6]:
            site.world.withdraw(item)
        site.world.turn(after_s=10)
        again = await client.post("/v1/slates", json={**ASKED, "k": 9, "exclude": ITEMS})
        assert await again.read() == first
        assert len(site.slates.sent) == 1  # said once

    site.run(visit)


def test_a_request_id_of_another_user_is_refused(site: Site) -> None:
    async def visit(client: Any) -> None:
        await client.post("/v1/slates", json=ASKED)
        answer = await client.post("/v1/slates", json={**ASKED, "user_id": "v"})
        assert answer.status == 400
        assert "another user" in (await answer.json())["error"]

    site.run(visit)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "broken JSON"),
        (b"{", "broken JSON"),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
        (b'{"k": 3}', "user_id"),
        (b'{"user_id": "u", "k": 0}', "`k`"),
        (b'{"user_id": "u", "ts": 4000000000}', "MAX_AHEAD"),
        (b'{"user_id": "u", "request_id": ""}', "request_id"),
    ],
)
def test_what_is_a_dead_letter_over_kafka_is_a_400(site: Site, body: bytes, part: str) -> None:
    async def visit(client: Any) -> None:
        answer = await client.post("/v1/slates", data=body)
        assert (answer.status, answer.content_type) == (400, "application/problem+json")
        found = await answer.json()
        assert part in found["error"]
        assert found["detail"] == found["error"]
        assert found["status"] == 400
        assert site.slates.sent == []

    site.run(visit)


def test_before_the_first_state_it_is_503_with_retry_after(tmp_path: Path) -> None:
    async def visit(client: Any) -> None:
        for path in ("/v1/slates", "/v1/slates:batch"):
            body = ASKED if path.endswith("slates") else [ASKED]
            answer = await client.post(path, json=body)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")

    Site(tmp_path, World(tmp_path)).run(visit)


def test_a_segment_that_is_being_prepared_is_waited_for_and_no_longer_than_100_ms(
    site: Site,
) -> None:
    async def visit(client: Any) -> None:
        began = time.monotonic()
        await client.post("/v1/slates", json={**ASKED, "segment": "x"})
        assert 0.09 < time.monotonic() - began < 1.0  # nobody prepares it
        wanted = {**ASKED, "request_id": "s", "segment": "x"}
        site.world.count("y", ITEMS[5], 10.0)
        site.world.turn(after_s=10)
        asked = asyncio.create_task(client.post("/v1/slates", json={**wanted, "segment": "y"}))
        await asyncio.sleep(0.02)
        other = await client.post("/v1/slates", json={**ASKED, "request_id": "t"})
        assert other.status == 200
        assert not asked.done()
        site.world.turn()
        assert (await asked).status == 200

    site.run(visit)


def test_a_batch_answers_each_in_its_place(site: Site) -> None:
    async def visit(client: Any) -> None:
        wanted = [
            {"user_id": "u", "request_id": "a"},
            {"user_id": "u", "k": 1000},
            {"user_id": "u", "request_id": "b", "context": {"age": [1]}},
            {"user_id": "v", "request_id": "c", "k": 1},
        ]
        answer = await client.post("/v1/slates:batch", json=wanted)
        assert answer.status == 200
        slates = (await answer.json())["slates"]
        assert [list(each) for each in slates] == [["slate"], ["error"], ["error"], ["slate"]]
        assert [each["slate"]["slate_id"] for each in slates if "slate" in each] == ["a", "c"]
        assert "`k`" in slates[1]["error"]
        for body in ([], [{"user_id": "u"}] * 101, {"user_id": "u"}):
            assert (await client.post("/v1/slates:batch", json=body)).status == 400

    site.run(visit)


def test_the_event_loop_turns_between_the_slates_of_a_batch(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a turn is shorter than one slate takes."""
    monkeypatch.setattr(endpoint_module, "TURN_S", 1e-5)
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def visit(client: Any) -> None:
        await client.post("/v1/slates", json=ASKED)  # pools are made
        watching = asyncio.create_task(watch())
        answer = site.world.responder.answer
        made_at: list[int] = []

        def answered(*args: Any, **rest: Any) -> Any:
            made_at.append(turns)
            return answer(*args, **rest)

        monkeypatch.setattr(site.world.responder, "answer", answered)
        wanted = [{"user_id": "u", "request_id": f"b{n}"} for n in range(100)]
        assert (await client.post("/v1/slates:batch", json=wanted)).status == 200
        watching.cancel()
        assert len(made_at) == 100
        assert len(set(made_at)) >= 50

    site.run(visit)


def test_a_slate_that_takes_long_holds_nobody_up_and_is_made_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of a filter, say: others are answered, and the same request waits for it."""
    plain = site.world.responder.answer

    def slow(request: Any, *arguments: Any, **named: Any) -> Any:
        if request.filter is not None:
            time.sleep(0.3)
        return plain(request, *arguments, **named)

    monkeypatch.setattr(site.world.responder, "answer", slow)

    async def visit(client: Any) -> None:
        await client.post("/v1/slates", json={"user_id": "u"})  # connections are open
        wanted = {**ASKED, "filter": {"tags": {"none": ["a"]}}}
        long = [asyncio.create_task(client.post("/v1/slates", json=wanted)) for _ in range(3)]
        await asyncio.sleep(0.05)
        for number in range(5):
            answer = await client.post("/v1/slates", json={"user_id": f"v{number}"})
            assert answer.status == 200
        assert not any(each.done() for each in long)
        slates = [await (await each).read() for each in long]
        assert len(set(slates)) == 1
        assert [b"v" in key for _, key, *_ in site.slates.sent] == [False, *[True] * 5, False]

    site.run(visit)


def test_a_quick_request_goes_beside_the_event_loop_while_another_thread_makes_a_slate(
    site: Site,
) -> None:
    async def visit(client: Any) -> None:
        responder = site.world.responder
        responder._lock.acquire()
        asked = asyncio.create_task(client.post("/v1/slates", json=ASKED))
        await asyncio.sleep(0.05)
        assert (await client.get("/healthz")).status == 200
        assert not asked.done()
        responder._lock.release()
        assert (await asked).status == 200

    site.run(visit)


def test_explain_says_what_could_not_be_shown_and_why(site: Site) -> None:
    async def visit(client: Any) -> None:
        site.world.describe(ITEMS[1], available=False)
        site.world.withdraw(ITEMS[2])
        site.world.turn(after_s=10)
        wanted = {
            **ASKED,
            "exclude": [ITEMS[1], ITEMS[3]],
            "candidates": [*ITEMS[:6], "never heard of"],
        }
        answer = await client.post("/v1/slates?explain=true", json=wanted)
        found = await answer.json()
        assert found["slate_id"] == "r"
        assert found["eligible"] == 3
        assert found["filtered"] == [
            {"reason": "not available", "items": 2, "some": [ITEMS[1], ITEMS[2]]},
            {"reason": "excluded", "items": 1, "some": [ITEMS[3]]},
            {"reason": "not a candidate", "items": 6, "some": ITEMS[6:]},
            {"reason": "unknown", "items": 1, "some": ["never heard of"]},
        ]
        assert (await client.post("/v1/slates?explain=perhaps", json=ASKED)).status == 400

    site.run(visit)


def test_explain_names_the_part_of_a_filter_that_an_item_does_not_fit(site: Site) -> None:
    async def visit(client: Any) -> None:
        for number, item in enumerate(ITEMS):
            site.world.describe(item, category="ab"[number % 2], price=float(number))
        site.world.turn(after_s=10)
        wanted = {
            **ASKED,
            "filter": {"category": ["a"], "price": {"max": 5}},
            "pin": [{"item_id": ITEMS[11], "position": 0}],
            "fields": ["price"],
        }
        found = await (await client.post("/v1/slates?explain=true", json=wanted)).json()
        assert [(each["reason"], each["items"]) for each in found["filtered"]] == [
            ("filter category", 5),
            ("filter price", 3),
        ]
        assert found["eligible"] == 4
        assert found["items"][0]["item_id"] == ITEMS[11]
        assert found["items"][0]["fields"] == {"price": 11.0}
        wanted["pin"][0]["position"] = 3
        wrong = await client.post("/v1/slates", json={**wanted, "request_id": "s"})
        assert (wrong.status, "below `k`" in (await wrong.json())["error"]) == (400, True)

    site.run(visit)


def test_a_slate_served_lately_is_looked_up_with_what_was_seen_and_clicked(site: Site) -> None:
    async def visit(client: Any) -> None:
        name = "r/1 ?%"
        await client.post("/v1/slates", json={**ASKED, "request_id": name})
        site.feedback.found = Found([ITEMS[0], ITEMS[1]], [ITEMS[0]], [], whole=False)
        answer = await client.get("/v1/slates/r%2F1%20%3F%25")
        found = await answer.json()
        assert (found["slate"]["slate_id"], found["clicked"]) == (name, [ITEMS[0]])
        assert (found["seen"], found["complete"]) == ([ITEMS[0], ITEMS[1]], False)
        assert all("mean" in item["why"] for item in found["slate"]["items"])
        assert (await client.get("/v1/slates/unheard-of")).status == 404
        await client.post("/v1/slates", json={**ASKED, "request_id": "later"})
        last = (await (await client.get("/v1/slates?limit=5")).json())["slates"]
        assert [slate["slate_id"] for slate in last] == ["later", name]

    site.run(visit)


def test_trace_ids_stand_on_the_answer_and_on_the_record(site: Site) -> None:
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"

    async def visit(client: Any) -> None:
        headers = {"X-Request-Id": "page-7", "traceparent": trace, "tracestate": "a=b"}
        answer = await client.post("/v1/slates", json=ASKED, headers=headers)
        assert answer.headers["X-Request-Id"] == "page-7"
        assert answer.headers["traceparent"] == trace
        assert site.slates.sent[0][3]["headers"] == [
            ("x-request-id", b"page-7"),
            ("traceparent", trace.encode()),
            ("tracestate", b"a=b"),
        ]
        # the same X-Request-Id is not the same request
        other = await client.post("/v1/slates", json={"user_id": "u"}, headers=headers)
        assert (await other.json())["slate_id"] not in ("r", "page-7")
        made = await client.post("/v1/slates", data=b"{", headers={"traceparent": "nonsense"})
        assert "traceparent" not in made.headers
        assert json.loads(await made.read())["request_id"] == made.headers["X-Request-Id"]

    site.run(visit)


def test_brokers_that_are_away_for_long_are_a_503(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.serving.http.outbox.MOST_UNDER_WAY", 2)
    site.slates.away = True

    async def visit(client: Any) -> None:
        statuses = [
            (await client.post("/v1/slates", json={"user_id": "u"})).status for _ in range(4)
        ]
        assert statuses == [200, 200, 503, 503]
        site.slates.away = False
        await asyncio.sleep(0.05)
        assert (await client.post("/v1/slates", json={"user_id": "u"})).status == 200

    site.run(visit)
