"""App: the endpoints behind the door, and the probes: whether the process lives, whether it is
ready, and its metrics.
"""

from collections.abc import Callable, Sequence

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.config import Settings
from streams.contract import asyncapi
from streams.contract.topics import TopicNames
from streams.metrics import ServingMetrics
from streams.serving.http.access import Access
from streams.serving.http.door import Door
from streams.serving.http.endpoint import Endpoint, Handler, answer
from streams.serving.http.openapi import document
from streams.serving.http.pages import client_endpoint, dashboard_routes
from streams.serving.http.problems import RETRY_AFTER_S


class Api:
    """The application, and its door.

    Parameters
    ----------
    settings, metrics
        Of the process.
    missing
        What keeps the process from answering, in words.
    endpoints
        Under /v1.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: ServingMetrics,
        missing: Callable[[], list[str]],
        endpoints: Sequence[Endpoint],
    ) -> None:
        topics = asyncapi.document(
            TopicNames(settings.topic_prefix),
            settings.topic_partitions,
            settings.topic_replication,
        )
        self.endpoints = [
            *endpoints,
            client_endpoint(),
            _fixed("/v1/asyncapi.json", lambda: orjson.dumps(topics), "AsyncAPI of the topics"),
            _fixed("/v1/openapi.json", lambda: self._document, "This document"),
        ]
        self._document = orjson.dumps(document(self.endpoints, bool(settings.http_token)))
        table = {(each.method, each.path): each for each in self.endpoints}
        self.door = Door(settings, metrics, table)

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self.door.pass_through(request, handler)

        self.app = web.Application(
            middlewares=[middleware], client_max_size=settings.http_max_request_bytes
        )
        for each in self.endpoints:
            if each.method == "GET":
                self.app.router.add_get(each.path, each.handler)  # HEAD, too
            else:
                self.app.router.add_route(each.method, each.path, each.handler)
        self.app.add_routes([*_probes(missing, metrics), *dashboard_routes()])


def _fixed(path: str, body: Callable[[], bytes], summary: str) -> Endpoint:
    async def handler(_request: web.Request) -> web.Response:
        return answer(body())

    return Endpoint("GET", path, handler, summary, Access.FULL)


def _probes(missing: Callable[[], list[str]], metrics: ServingMetrics) -> list[web.RouteDef]:
    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_request: web.Request) -> web.Response:
        reasons = missing()
        if not reasons:
            return web.json_response({"status": "ready"})
        return web.json_response(
            {"error": "; ".join(reasons)}, status=503, headers={"Retry-After": str(RETRY_AFTER_S)}
        )

    async def metrics_page(_request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    return [
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics_page),
    ]
