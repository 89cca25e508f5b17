"""Pages: the dashboard's files and the browser's module, as they lie in the package. They hold no
data, so they need no token; what they show, they ask for with one.
"""

import hashlib
from importlib.resources import files
from typing import NamedTuple

from aiohttp import web

from streams.serving.http.access import Access
from streams.serving.http.endpoint import Endpoint, Handler

# nothing from elsewhere, nothing inline: what an event says can be shown, never run
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
KINDS = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
DASHBOARD = files("streams.serving") / "dashboard"
CLIENT = files("streams.serving") / "browser_client" / "client.js"
INDEX = "index.html"


class File(NamedTuple):
    """One file: bytes, type, and a name for its content."""

    body: bytes
    kind: str
    etag: str


def read_file(path: str, body: bytes) -> File:
    """A file as it is answered."""
    digest = hashlib.sha256(body).hexdigest()[:32]
    return File(body, KINDS[path.rpartition(".")[2]], f'"{digest}"')


def dashboard_files() -> dict[str, File]:
    """Files by name."""
    return {
        each.name: read_file(each.name, each.read_bytes())
        for each in DASHBOARD.iterdir()
        if each.name.rpartition(".")[2] in KINDS
    }


def dashboard_routes() -> list[web.RouteDef]:
    """`/` and what it loads."""
    found = dashboard_files()
    return [
        web.get("/" if name == INDEX else f"/dashboard/{name}", _handler(file))
        for name, file in sorted(found.items())
    ]


def client_endpoint() -> Endpoint:
    """GET /v1/client.js: for pages of any origin, as scripts are."""
    file = read_file(CLIENT.name, CLIENT.read_bytes())
    return Endpoint(
        "GET",
        "/v1/client.js",
        _handler(file, {"Cross-Origin-Resource-Policy": "cross-origin"}),
        "An ES module for pages: ask for slates, say what was seen and clicked",
        Access.NOTHING,
        answer=str,
        kind=file.kind,
    )


def _handler(file: File, more: dict[str, str] | None = None) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        headers = {**HEADERS, "ETag": file.etag, **(more or {})}
        if request.headers.get("If-None-Match") == file.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(
            body=file.body, content_type=file.kind, charset="utf-8", headers=headers
        )

    return handler
