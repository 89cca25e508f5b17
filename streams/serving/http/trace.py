"""Trace: the ids that a request brings from where it came, and takes on to answer and records.

`X-Request-Id` names one call and is made where there is none. It is no `request_id`: one page's id
may stand on many calls, each with a slate of its own. `traceparent` and `tracestate` are those of
W3C Trace Context.
"""

import re
import uuid
from collections.abc import Mapping
from typing import NamedTuple

REQUEST_ID = "X-Request-Id"
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")


class Trace(NamedTuple):
    """Ids of one call."""

    request_id: str
    traceparent: str | None
    tracestate: str | None

    def of_record(self) -> list[tuple[str, bytes]]:
        """Headers of the records that the call writes."""
        found = {
            "x-request-id": self.request_id,
            "traceparent": self.traceparent,
            "tracestate": self.tracestate,
        }
        return [(name, value.encode()) for name, value in found.items() if value]


def take_over(headers: Mapping[str, str]) -> Trace:
    """The ids of a request; what is no id is passed over, as the recommendation asks."""
    request_id = headers.get(REQUEST_ID, "")
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = uuid.uuid4().hex
    traceparent: str | None = headers.get("traceparent", "")
    tracestate: str | None = headers.get("tracestate", "")
    if not _TRACEPARENT.fullmatch(traceparent or ""):
        traceparent = tracestate = None
    elif not _TRACESTATE.fullmatch(tracestate or ""):
        tracestate = None
    return Trace(request_id, traceparent, tracestate)
