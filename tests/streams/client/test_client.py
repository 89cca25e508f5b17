"""The three ways of a client on a worker: the same calls, and what they write is counted."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.client import AsyncClient, Client, ClientError
from tests.streams.client.conftest import ITEMS, PREFIX, PUBLIC, TOKEN
from tests.streams.worker_process import WorkerProcess

pytestmark = pytest.mark.local
USERS = [f"user-{number}" for number in range(8)]
Make = Callable[[WorkerProcess, type], Any]
WAYS: dict[str, Make] = {
    "http": lambda worker, kind: kind.http(f"http://127.0.0.1:{worker.port}/", TOKEN),
    "kafka": lambda worker, kind: kind.kafka(servers(worker), PREFIX, 20),
    "local": lambda worker, kind: kind.local(servers(worker), PREFIX, ("age",), 20),
}


def servers(worker: WorkerProcess) -> str:
    return worker.environ["KAFKA_BOOTSTRAP_SERVERS"]


def counted(worker: WorkerProcess, segment: str) -> dict[str, float]:
    """Counts of a segment, as HTTP says them."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{worker.port}/v1/segments?limit=1000",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        rows = json.load(answer)["segments"]
    return next((row for row in rows if row["segment"] == segment), {})


def wait_counted(worker: WorkerProcess, segment: str, **wanted: float) -> None:
    end = time.monotonic() + 30
    while True:
        found = counted(worker, segment)
        if {name: found.get(name) for name in wanted} == wanted:
            return
        assert time.monotonic() < end, found
        time.sleep(0.1)


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, worker: WorkerProcess) -> str:
    if request.param == "local":
        wait_drawn(worker)
    return request.param


def wait_drawn(worker: WorkerProcess) -> None:
    """Until `segment-slates` holds something."""
    end = time.monotonic() + 30
    with Client.local(servers(worker), PREFIX) as client:
        while True:
            try:
                return client.slate("first") and None
            except ClientError:
                assert time.monotonic() < end
                time.sleep(0.2)


def test_what_is_seen_clicked_and_bought_is_counted(way: str, worker: WorkerProcess) -> None:
    segment = f"age={way}"
    with WAYS[way](worker, Client) as client:
        for user in USERS:
            slate = client.slate(user, 4, context={"age": way})
            assert slate.segment == segment
            assert (slate.user_id, len(slate.items)) == (user, 4)
            assert {item.item_id for item in slate.items} <= set(ITEMS)
            assert all(0 < item.propensity <= 1 for item in slate.items)
            client.seen(slate)
            client.click(slate, slate.items[0])
            client.convert(slate, slate.items[1].item_id, 2.5, "order-1")
            client.convert(slate, slate.items[1], 2.5, "order-2")
    wait_counted(worker, segment, impressions=32.0, clicks=8.0, conversions=8.0, value=40.0)


def test_asyncio_has_the_same_calls(way: str, worker: WorkerProcess) -> None:
    segment = f"async-{way}"

    async def visit(client: AsyncClient, user: str) -> None:
        slate = await client.slate(user, 3, segment=segment)
        await client.seen(slate, slate.items[:2])
        await client.click(slate, slate.items[0])
        await client.convert(slate, slate.items[0], 1.0)

    async def visits() -> None:
        async with WAYS[way](worker, AsyncClient) as client:
            await client.put_items([{"item_id": ITEMS[0], "title": way}])
            await asyncio.gather(*(visit(client, user) for user in USERS))

    asyncio.run(visits())
    wait_counted(worker, segment, impressions=16.0, clicks=8.0, conversions=8.0, value=8.0)


def test_http_and_kafka_hear_all_that_a_request_says(worker: WorkerProcess) -> None:
    wishes = {"candidates": ITEMS[:3], "exclude": ITEMS[:1], "request_id": "wish"}
    for way in ("http", "kafka"):
        with WAYS[way](worker, Client) as client:
            slate = client.slate("anna", **{**wishes, "request_id": f"wish-{way}"})
        assert {item.item_id for item in slate.items} == set(ITEMS[1:3])
    with (
        WAYS["local"](worker, Client) as client,
        pytest.raises(ClientError, match="ask a serving process"),
    ):
        client.slate("anna", **wishes)


def test_what_cannot_be_is_said_before_anything_is_sent(worker: WorkerProcess) -> None:
    with WAYS["http"](worker, Client) as client:
        with pytest.raises(ClientError, match="expected `int` <= 100"):
            client.slate("anna", 101)
        with pytest.raises(ClientError, match="found 'segments'"):
            client.slate("anna", segments="x")
        slate = client.slate("anna", 1)
        with pytest.raises(ClientError, match="clicks: "):
            client.click(slate, "")
        with pytest.raises(ClientError, match="items: "):
            client.put_items([{"title": "no id"}])


def test_a_token_that_does_not_suffice_and_a_process_that_is_away_are_said(
    worker: WorkerProcess,
) -> None:
    with Client.http(f"http://127.0.0.1:{worker.port}", PUBLIC) as client:
        with pytest.raises(ClientError, match="SLATESTREAM_HTTP_TOKEN with topic `items`"):
            client.put_items([{"item_id": "x"}])
    with Client.http(f"http://127.0.0.1:{worker.port}") as client:
        with pytest.raises(ClientError, match="Authorization"):
            client.slate("anna")
    with Client.http("http://127.0.0.1:9", timeout_s=2) as client:
        with pytest.raises(ClientError, match="found none"):
            client.slate("anna")


def test_over_kafka_topics_and_answers_that_are_not_there_are_said(
    local_broker: str, tmp_path: Path
) -> None:
    for kind in (Client.kafka, Client.local):
        with pytest.raises(ClientError, match="topics create"):
            kind(local_broker, "nobody.")
    WorkerProcess(tmp_path, local_broker, "nobody.").command("topics", "create")
    with Client.kafka(local_broker, "nobody.", 0.5) as client:
        for _ in range(2):  # the first one is forgotten
            with pytest.raises(ClientError, match=r"expected a slate within 0\.5 s"):
                client.slate("anna", request_id="r")
    with (
        Client.local(local_broker, "nobody.") as client,
        pytest.raises(ClientError, match="SLATESTREAM_SEGMENT_SLATES"),
    ):
        client.slate("anna")
