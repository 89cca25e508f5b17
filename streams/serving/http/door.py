"""Door: what every request over HTTP passes, in this order.

1. trace      ids that it brings
2. origin     pages of strange origins go no further; what browsers ask beforehand is answered
3. token      what it may do
4. rate       per address
5. the endpoint; whatever fails there becomes a problem
6. metrics, headers of the answer
"""

import logging
import time
from collections.abc import Mapping

from aiohttp import web

from streams.config import Settings
from streams.metrics import ServingMetrics
from streams.serving.http.access import Access, Tokens, is_loopback
from streams.serving.http.cors import allows, headers_of
from streams.serving.http.endpoint import TOKEN, Endpoint, Handler
from streams.serving.http.problems import ProblemError, problem
from streams.serving.http.rate import RateLimit, address_of
from streams.serving.http.trace import REQUEST_ID, Trace, take_over

log = logging.getLogger(__name__)

TRACE: web.RequestKey[Trace] = web.RequestKey("trace", Trace)
ACCESS: web.RequestKey[Access] = web.RequestKey("access", Access)
ADDRESS: web.RequestKey[str] = web.RequestKey("address", str)  # of the client
UNSAID = "other"  # the endpoint of a path that nothing stands behind
PREFIX = "/v1/"


class Door:
    """The middleware.

    Parameters
    ----------
    settings, metrics
        Of the process.
    endpoints
        By method and path.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: ServingMetrics,
        endpoints: Mapping[tuple[str, str], Endpoint],
    ) -> None:
        self.closing = False
        self._settings = settings
        self._metrics = metrics
        self._endpoints = endpoints
        self._tokens = Tokens(settings.http_token, settings.http_public_token)
        # without a token a page could read by a name of its own that stands for 127.0.0.1
        self._own_host_only = not settings.http_token and is_loopback(settings.http_host)
        self._rates = {
            Access.PUBLIC: RateLimit(settings.http_public_rate_per_s),
            Access.FULL: RateLimit(settings.http_rate_per_s),
        }
        self._refused = RateLimit(settings.http_public_rate_per_s)  # nobody guesses tokens faster

    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """One request, one answer."""
        began = time.perf_counter()
        trace = request[TRACE] = take_over(request.headers)
        resource = request.match_info.route.resource
        path = UNSAID if resource is None else resource.canonical
        origin = request.headers.get("Origin", "")
        preflight = bool(
            origin
            and request.method == "OPTIONS"
            and "Access-Control-Request-Method" in request.headers
        )
        found: web.StreamResponse
        try:
            if preflight:
                found = web.Response(status=204)
            else:
                self._guard(request, path, origin)
                found = await handler(request)
        except ProblemError as error:
            found = problem(error.status, str(error), trace.request_id, error.retry_after_s)
        except web.HTTPException as error:
            found = _of_aiohttp(error, request, trace)
        except Exception:
            log.exception("%s %s, X-Request-Id %s", request.method, path, trace.request_id)
            found = problem(
                500, "this is a fault of the server; its log says more", trace.request_id
            )
        found.headers[REQUEST_ID] = trace.request_id
        if trace.traceparent is not None:
            found.headers["traceparent"] = trace.traceparent
        found.headers.update(headers_of(self._settings.http_cors_origins, origin, preflight))
        if self.closing:
            found.force_close()
        self._metrics.http_requests.labels(path, str(found.status)).inc()
        if not isinstance(found, web.Response):
            return found  # a stream lasts as long as somebody looks
        self._metrics.http_s.labels(path).observe(time.perf_counter() - began)
        return found

    def _guard(self, request: web.Request, path: str, origin: str) -> None:
        if not request.path.startswith(PREFIX):
            return
        if not allows(self._settings.http_cors_origins, origin, request.host):
            msg = (
                f"expected a page of an origin in SLATESTREAM_HTTP_CORS_ORIGINS, found {origin!r}; "
                "add it there"
            )
            raise ProblemError(401, msg)
        if self._own_host_only and not is_loopback(request.host):
            msg = (
                f"expected a call to localhost or an address, found one to {request.host[:200]!r}; "
                "set SLATESTREAM_HTTP_TOKEN to be called by a name"
            )
            raise ProblemError(401, msg)
        method = "GET" if request.method == "HEAD" else request.method
        endpoint = self._endpoints.get((method, path))
        beacon = None
        if endpoint is not None and TOKEN in endpoint.parameters:
            beacon = request.query.get(TOKEN.name)
        access = request[ACCESS] = self._tokens.access(
            request.headers.get("Authorization", ""), beacon
        )
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        address = request[ADDRESS] = address_of(
            request.remote, forwarded, self._settings.http_proxies
        )
        wait_s = self._rates.get(access, self._refused).wait_s(address, time.monotonic())
        if wait_s > 0:
            msg = "expected fewer requests a second from this address; try again later"
            raise ProblemError(429, msg, wait_s)
        if endpoint is not None and access < endpoint.access:
            token = "SLATESTREAM_HTTP_TOKEN"
            if endpoint.access is Access.PUBLIC:
                token += " or SLATESTREAM_HTTP_PUBLIC_TOKEN"
            msg = f"expected the header `Authorization: Bearer TOKEN` with {token}"
            raise ProblemError(401, f"{msg}, found {'another' if access else 'no such token'}")


def _of_aiohttp(error: web.HTTPException, request: web.Request, trace: Trace) -> web.Response:
    """What aiohttp itself refuses."""
    details = {
        404: f"nothing stands at {request.path[:200]}; GET /v1/openapi.json says what does",
        405: f"{request.method} is not for {request.path[:200]}; GET /v1/openapi.json says what is",
        413: "the body is too large; send several, or raise SLATESTREAM_HTTP_MAX_REQUEST_BYTES",
    }
    status = error.status if error.status >= 400 else 500
    found = problem(status, details.get(status, error.reason or error.text or ""), trace.request_id)
    if "Allow" in error.headers:
        found.headers["Allow"] = error.headers["Allow"]
    return found
