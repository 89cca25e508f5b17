"""Web: what a worker answers over HTTP: whether it lives, whether it is ready, and its metrics.

`/` of Faust says OK before anything is restored; `/readyz` is the one to probe: partitions
assigned, state restored, brokers heard of lately.
"""

from typing import Any

import faust
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.worker.engine import Engine


def group_state(app: Any, engine: Engine) -> str:
    """One of `GROUP_STATES`."""
    if app.consumer_generation_id < 1:
        return "out"
    if app.rebalancing:
        return "joining"
    return "stable" if engine.ready(app.consumer_generation_id) else "restoring"


def add_pages(app: faust.App, engine: Engine) -> None:
    """`/healthz`, `/readyz` and `/metrics`."""

    async def healthz(view: Any, request: Any) -> Any:
        return view.json({"status": "alive"})

    async def readyz(view: Any, request: Any) -> Any:
        missing = engine.not_ready(app.consumer_generation_id)
        return view.json(
            {"status": "ready"} if not missing else {"error": "; ".join(missing)},
            status=200 if not missing else 503,
        )

    async def metrics(view: Any, request: Any) -> Any:
        engine.look(group_state(app, engine))
        return view.bytes(
            generate_latest(engine.metrics.registry), content_type=CONTENT_TYPE_LATEST.split(";")[0]
        )

    for path, page in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics)):
        app.page(path)(page)
