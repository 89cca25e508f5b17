"""Who sends something else than what is counted reads on the dashboard why nothing moves, within
10 s of sending it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Shop
from tests.streams.worker_process import WorkerProcess

pytestmark = pytest.mark.local
READS_MS = 10_000
EVENTS = 40


def send(shop: Shop, topic: str, slates: str, **how: Any) -> None:
    now_s = time.time()
    for number in range(EVENTS):
        user = f"newcomer-{number}"
        event = {"slate_id": f"{slates}-{number}", "user_id": user, "item_id": "mug", "ts": now_s}
        if topic == "impressions":
            event["position"] = number % 4
        shop.worker.produce(topic, user, event, **how)


def only_clicks(shop: Shop) -> None:
    send(shop, "clicks", "click")


def wrong_slate_ids(shop: Shop) -> None:
    send(shop, "impressions", "shown")


def another_partitioner(shop: Shop) -> None:
    for topic in ("impressions", "clicks") * 3:
        send(shop, topic, "same", partitioner="consistent")


def test_why_nothing_moves_is_read_within_ten_seconds(
    browser: Any, local_broker: str, tmp_path: Path
) -> None:
    worker = WorkerProcess(tmp_path, local_broker, "newcomer.")
    worker.command("topics", "create")
    with worker:
        shop, page = Shop(worker), browser.new_page()
        page.goto(f"{shop.address}/#/funnel")
        page.get_by_text("No impressions seen yet").wait_for()
        steps: list[tuple[Callable[[Shop], None], str, str]] = [
            (only_clicks, "Only clicks come", "Produce to impressions what users see"),
            (wrong_slate_ids, "Clicks find no impression", "click-"),
            (another_partitioner, "Another partitioner writes", "murmur2_random"),
        ]
        for sends, why, what_to_do in steps:
            sends(shop)
            finding = page.locator(".finding", has_text=why).first
            finding.wait_for(timeout=READS_MS)
            assert what_to_do in finding.inner_text()
            assert finding.locator(".level").inner_text().strip() == "Alarm:"
        page.close()
