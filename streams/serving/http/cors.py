"""CORS: which pages of other origins may call (WHATWG Fetch, section 3.2).

A page of an origin that is not allowed is refused before anything is done, also where the browser
asks no leave first: a form of a strange page must not write events.
"""

from collections.abc import Collection

ALLOWED_METHODS = "GET, POST"
ALLOWED_HEADERS = "Authorization, Content-Type, X-Request-Id, traceparent, tracestate"
EXPOSED_HEADERS = "X-Request-Id, Retry-After"
MAX_AGE_S = 600


def allows(origins: Collection[str], origin: str, host: str) -> bool:
    """Whether a request of a page of `origin` may go on; without an origin it is no page's."""
    if not origin or "*" in origins or origin in origins:
        return True
    return origin.partition("://")[2] == host


def headers_of(origins: Collection[str], origin: str, preflight: bool) -> dict[str, str]:
    """Headers of the answer."""
    if not origins:
        return {}
    headers = {"Vary": "Origin"}
    if not origin or ("*" not in origins and origin not in origins):
        return headers
    headers["Access-Control-Allow-Origin"] = origin
    if preflight:
        headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
    else:
        headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    return headers
