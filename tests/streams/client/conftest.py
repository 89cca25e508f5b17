"""A worker with its serving process for the clients, once for all of their tests."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from streams.client import Client
from tests.streams.worker_process import WorkerProcess

PREFIX = "clients."
TOKEN, PUBLIC = "full-token", "public-token"
ITEMS = [f"item-{number}" for number in range(12)]


@pytest.fixture(scope="package")
def worker(local_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    directory = tmp_path_factory.mktemp("clients")
    worker = WorkerProcess(
        directory,
        local_broker,
        PREFIX,
        SLATESTREAM_HTTP_TOKEN=TOKEN,
        SLATESTREAM_HTTP_PUBLIC_TOKEN=PUBLIC,
        SLATESTREAM_SEGMENT_FIELDS="age",
    )
    worker.command("topics", "create")
    with worker:
        with Client.http(f"http://127.0.0.1:{worker.port}", TOKEN) as client:
            client.put_items([{"item_id": item} for item in ITEMS])
            end = time.monotonic() + 30
            while len(client.slate("first", 12).items) < len(ITEMS):
                assert time.monotonic() < end
                time.sleep(0.1)
        yield worker


@pytest.fixture(scope="package")
def document(worker: WorkerProcess) -> dict[str, Any]:
    """The OpenAPI document, as the worker gives it."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{worker.port}/v1/openapi.json",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
