"""API: what a serving process answers over HTTP: whether it lives, whether it is ready, and its
metrics.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.metrics import ServingMetrics

RETRY_AFTER_S = "1"


def make_api(missing: Callable[[], list[str]], metrics: ServingMetrics) -> web.Application:
    """`/healthz`, `/readyz` and `/metrics`.

    Parameters
    ----------
    missing
        What keeps the process from answering, in words.
    metrics
        Of the process.
    """

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_request: web.Request) -> web.Response:
        reasons = missing()
        if not reasons:
            return web.json_response({"status": "ready"})
        return web.json_response(
            {"error": "; ".join(reasons)}, status=503, headers={"Retry-After": RETRY_AFTER_S}
        )

    async def metrics_page(_request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics_page),
        ]
    )
    return app
