"""Pages: alive is not ready, and what is missing is said."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from streams.metrics import Metrics
from streams.worker.web import add_pages


class View:
    """Answers as Faust's views do, as (status, content type, body)."""

    def json(self, value: Any, status: int = 200) -> tuple[int, str, str]:
        return status, "application/json", json.dumps(value)

    def bytes(
        self, value: bytes, content_type: str = "", status: int = 200
    ) -> tuple[int, str, str]:
        return status, content_type, value.decode()


def pages(missing: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    metrics = Metrics()

    def not_ready(generation: int) -> list[str]:
        return missing if generation == 7 else ["another generation"]

    engine: Any = SimpleNamespace(
        metrics=metrics,
        not_ready=not_ready,
        ready=lambda _generation: not missing,
        look=lambda state: metrics.group.look(state, {("t", 1): 5}),
    )
    app: Any = SimpleNamespace(
        page=lambda path: lambda page: found.update({path: page}),
        consumer_generation_id=7,
        rebalancing=False,
    )
    add_pages(app, engine)
    return found


def ask(found: dict[str, Any], path: str) -> tuple[int, str, str]:
    return asyncio.run(found[path](View(), None))


def test_a_worker_that_restores_is_alive_and_not_ready_and_says_why() -> None:
    found = pages(["state is not restored", "another reason"])
    assert ask(found, "/healthz")[0] == 200
    status, _type, body = ask(found, "/readyz")
    assert status == 503
    assert json.loads(body) == {"error": "state is not restored; another reason"}


def test_a_worker_with_nothing_missing_is_ready() -> None:
    assert ask(pages([]), "/readyz") == (200, "application/json", '{"status": "ready"}')


def test_metrics_are_in_the_format_of_prometheus() -> None:
    found = pages([])
    status, content_type, body = ask(found, "/metrics")
    assert (status, content_type) == (200, "text/plain")
    assert "# TYPE slatestream_flushes_total counter" in body
    assert 'slatestream_source_lag_records{partition="1",topic="t"} 5.0' in body
    assert 'slatestream_group_state{state="stable"} 1.0' in body
    restoring = ask(pages(["state is not restored"]), "/metrics")[2]
    assert 'slatestream_group_state{state="restoring"} 1.0' in restoring
    assert 'slatestream_group_state{state="stable"} 0.0' in restoring
