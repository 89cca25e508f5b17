"""Health over HTTP: what the process knows of itself and of counting, once and as a stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from streams.contract.events import DeadLetter
from streams.contract.funnel_rows import FUNNEL_KEY, encode_funnel
from streams.serving.http.health import MOST_LISTENERS
from streams.serving.watch.lag_meter import Lag
from tests.streams.serving.http.site import Site
from tests.streams.serving.world import World


def count(site: Site, **clicks: int) -> None:
    events = {("clicks", outcome): number for outcome, number in clicks.items()}
    events["impressions", "impression"] = 40
    site.world.changelog(FUNNEL_KEY, encode_funnel(events), partition=1)
    site.world.turn()


def test_health_says_what_the_process_knows(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def visit(client: Any) -> None:
        await client.post("/v1/slates", json={"user_id": "u"})
        found = await (await client.get("/v1/health")).json()
        assert (found["status"], found["missing"]) == ("ready", [])
        assert (found["segments"], found["items"], found["items_available"]) == (1, 12, 12)
        assert (found["partitions"], found["fallback_slates"]) == ([1, 2], 0)
        site.missing = ["no answer from the brokers for 9 s"]
        found = await (await client.get("/v1/health")).json()
        assert (found["status"], found["missing"]) == ("not ready", site.missing)
        assert found["findings"][0]["code"] == "not-ready"
        ready = await client.get("/readyz")
        assert (ready.status, ready.headers["Retry-After"]) == (503, "1")

    site.run(visit)


def test_health_says_what_became_of_events(tmp_path: Path) -> None:
    site = Site(tmp_path, SLATESTREAM_TOPIC_PREFIX="")
    site.brokers.lags = [
        Lag("clicks", 0, 9, 4),
        Lag("clicks", 1, 3, 3),
        Lag("impressions", 1, 8, 6),
    ]
    site.brokers.letters = [DeadLetter("clicks", 0, 1, "broken JSON", None, "{", 1e9)]
    count(site, click=5, late=1, waiting=4, settled=3, rejected=1)

    async def visit(client: Any) -> None:
        found = await (await client.get("/v1/health")).json()
        of = {each["topic"]: each for each in found["funnel"]}
        assert of["impressions"]["counted"] == of["impressions"]["events"] == 40
        clicks = of["clicks"]
        assert (clicks["counted"], clicks["late"], clicks["waiting"]) == (5, 1, 1)
        assert (clicks["rejected"], clicks["events"]) == (1, 8)
        behind = found["partitions_behind"]
        assert [row["lag"] for row in behind] == [{"clicks": 5}, {"clicks": 0, "impressions": 2}]
        assert [row["counted_ago_s"] is None for row in behind] == [True, False]
        assert found["reasons"] == [{"topic": "clicks", "reason": "broken JSON", "letters": 1}]
        (finding,) = found["findings"]
        assert (finding["code"], finding["level"]) == ("rejected", "warning")
        assert found["unknown"] is None

    site.run(visit)


def test_health_is_there_before_the_first_state_and_without_brokers(tmp_path: Path) -> None:
    site = Site(tmp_path, World(tmp_path))
    site.brokers.error = KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN, "all are down"))

    async def visit(client: Any) -> None:
        found = await (await client.get("/v1/health")).json()
        assert (found["counts_ts"], found["items"]) == (None, 0)
        assert "all are down" in found["unknown"]
        for path in ("/v1/segments", "/v1/segments/x/items", "/v1/items/x"):
            assert (await client.get(path)).status == 503

    site.run(visit)


async def told(answer: Any) -> dict[str, Any]:
    """The next event of a stream."""
    line = await answer.content.readline()
    assert line.startswith(b"data: "), line
    assert await answer.content.readline() == b"\n"
    found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
    return found


def test_the_stream_tells_health_and_points_until_the_process_ends(tmp_path: Path) -> None:
    site = Site(tmp_path)
    count(site, click=5)

    async def visit(client: Any) -> None:
        async with client.get("/v1/live") as answer:
            assert (answer.status, answer.content_type) == (200, "text/event-stream")
            first = await told(answer)
            assert first["health"]["status"] == "ready"
            assert first["points"][-1]["clicks"] == 5
            count(site, click=7)
            second = await told(answer)
            assert [point["clicks"] for point in second["points"]] == [7]
            site.health.close()
            assert await answer.content.read() == b""
        assert site.world.metrics.registry.get_sample_value(
            "slatestream_http_requests_total", {"endpoint": "/v1/live", "status": "200"}
        )

    site.run(visit)


def test_streams_are_bounded(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.health._listeners = MOST_LISTENERS

    async def visit(client: Any) -> None:
        answer = await client.get("/v1/live")
        assert answer.status == 503

    site.run(visit)


def test_settings_hide_secrets_and_say_what_is_changed(tmp_path: Path) -> None:
    site = Site(tmp_path, SLATESTREAM_HTTP_TOKEN="very-secret", SLATESTREAM_GROUP="shop")

    async def visit(client: Any) -> None:
        headers = {"Authorization": "Bearer very-secret"}
        answer = await client.get("/v1/settings", headers=headers)
        assert "very-secret" not in await answer.text()
        rows = {each["name"]: each for each in (await answer.json())["settings"]}
        assert (rows["SLATESTREAM_GROUP"]["value"], rows["SLATESTREAM_GROUP"]["changed"]) == (
            "shop",
            True,
        )
        assert rows["SLATESTREAM_HTTP_TOKEN"]["changed"]
        assert not rows["SLATESTREAM_HTTP_PORT"]["changed"]
        changes = (await (await client.get("/v1/changes", headers=headers)).json())["changes"]
        assert changes[0]["what"] == "start"

    site.run(visit)
