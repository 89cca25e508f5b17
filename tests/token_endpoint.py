"""A token endpoint of OAuth 2.0 on loopback: the client-credentials grant, with tokens that nobody
signs, as Kafka takes them where no other validator is set.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(user: str, seconds: float) -> str:
    """An unsecured JWT (RFC 7515, A.5)."""
    now_s = time.time()
    claims = {"sub": user, "iat": now_s - 1, "exp": now_s + seconds}
    return f"{part({'alg': 'none'})}.{part(claims)}."


class TokenEndpoint:
    """Gives tokens of `seconds` to clients whose secret is their id and `-secret`."""

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self.given: list[str] = []
        self.refused = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(urllib.parse.parse_qsl(body))
                basic = self.headers["Authorization"].removeprefix("Basic ")
                user, _, secret = base64.b64decode(basic).decode().partition(":")
                good = form["grant_type"] == "client_credentials" and secret == f"{user}-secret"
                answer: dict[str, object] = {"error": "invalid_client"}
                if good:
                    made = token(user, endpoint.seconds)
                    endpoint.given.append(made)
                    answer = {"access_token": made, "expires_in": endpoint.seconds}
                else:
                    endpoint.refused += 1
                self.send_response(200 if good else 401)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def settings(self, user: str) -> dict[str, str]:
        return {
            "KAFKA_SASL_OAUTH_TOKEN_URL": self.url,
            "KAFKA_SASL_OAUTH_CLIENT_ID": user,
            "KAFKA_SASL_OAUTH_CLIENT_SECRET": f"{user}-secret",
        }

    def __enter__(self) -> TokenEndpoint:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
