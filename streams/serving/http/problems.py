"""Problems: errors as RFC 9457 has them, which also hold `{"error": str}`."""

import http

from aiohttp import web

from streams.contract.events import encode
from streams.contract.http import Problem

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
_RETRIED = (429, 503)


class ProblemError(Exception):
    """An error that a client is told of; the text says what was expected, found, and what to do."""

    def __init__(self, status: int, detail: str, retry_after_s: float = RETRY_AFTER_S) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_s = retry_after_s


def problem(
    status: int, detail: str, request_id: str, retry_after_s: float = RETRY_AFTER_S
) -> web.Response:
    """The answer. `type` is `about:blank`: the status says which kind of problem it is."""
    body = Problem(
        type="about:blank",
        title=http.HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        error=detail,
        request_id=request_id,
    )
    answer = web.Response(body=encode(body), status=status, content_type=CONTENT_TYPE)
    if status in _RETRIED:
        answer.headers["Retry-After"] = str(max(1, round(retry_after_s)))
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
