"""A worker that runs, visitors, and a browser: Debian's Chromium, driven by playwright.

Where one of them is missing these tests are skipped with the reason.
"""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import free_ports
from tests.streams.worker_process import WorkerProcess

CHROMIUM = shutil.which("chromium")
ITEMS = ["Blue mug", "Green tea", "Tea pot", "Oat biscuits", "Linen cloth", "Wooden spoon"]
PUBLIC = "public-token"
POLICY = '[variants.control]\nkind = "holdback"\nshare = 0.3\n'
SEGMENTS = ("shop", "mail", "app")
RATES = (0.35, 0.2, 0.12, 0.08, 0.05, 0.02)


class Shop:
    """Talks to a worker as a front end does."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.token = worker.environ.get("SLATESTREAM_HTTP_TOKEN", "")
        self.address = f"http://127.0.0.1:{worker.port}"
        self._chance = random.Random(5)

    def call(self, path: str, body: Any = None) -> Any:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(self.address + path, data, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def context(self, browser: Any, **more: Any) -> Any:
        """Where pages are opened by somebody who has given the token."""
        context = browser.new_context(**more)
        context.add_init_script(f"sessionStorage.setItem('slatestream-token', '{self.token}')")
        return context

    def send(self, topic: str, *events: dict[str, Any]) -> Any:
        return self.call("/v1/events", [{"topic": topic, "event": each} for each in events])

    def visit(self, user: str) -> None:
        """One slate, seen whole; a click where the items deserve it."""
        segment = self._chance.choice(SEGMENTS)
        slate = self.call("/v1/slates", {"user_id": user, "k": 3, "segment": segment})
        own = {"slate_id": slate["slate_id"], "user_id": user, "ts": time.time()}
        self.send("impressions", own)
        for item in slate["items"]:
            if self._chance.random() < RATES[int(item["item_id"].removeprefix("item-"))]:
                self.send("clicks", {**own, "item_id": item["item_id"]})


class Visitors:
    """Visits in a thread of their own, until they are told to go."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._going = threading.Event()
        self._thread = threading.Thread(target=self._come, daemon=True)

    def _come(self) -> None:
        number = 0
        while not self._going.wait(0.03):
            self._shop.visit(f"user-{number % 50}")
            number += 1

    def __enter__(self) -> Visitors:
        self._thread.start()
        return self

    def __exit__(self, *_rest: object) -> None:
        self._going.set()
        self._thread.join(30)


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium. Closed with this package: its driver runs an event loop in this thread."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian's package `chromium`)")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (extra `dev`)"
    )
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def shop(
    browser: Any, local_broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A worker with items and some visits behind it."""
    directory: Path = tmp_path_factory.mktemp("browser")
    policy = directory / "policy.toml"
    policy.write_text(POLICY)
    (port,) = free_ports(1)  # of pages elsewhere
    worker = WorkerProcess(
        directory,
        local_broker,
        "browser.",
        SLATESTREAM_HTTP_CORS_ORIGINS=f"http://127.0.0.1:{port}",
        SLATESTREAM_HTTP_TOKEN="full-token",
        SLATESTREAM_POLICY_FILE=str(policy),
        SLATESTREAM_HTTP_PUBLIC_TOKEN=PUBLIC,
    )
    worker.command("topics", "create")
    with worker:
        shop = Shop(worker)
        items = [
            {"item_id": f"item-{at}", "title": title, "category": "ab"[at % 2], "price": 3.5 + at}
            for at, title in enumerate(ITEMS)
        ]
        shop.send("items", *items)
        end = time.monotonic() + 30
        while shop.call("/v1/health")["items_available"] < len(ITEMS):
            assert time.monotonic() < end
            time.sleep(0.1)
        for number in range(60):
            shop.visit(f"user-{number % 50}")
        yield shop
