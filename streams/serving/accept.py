"""Accept: the one check of a slate request, over Kafka and HTTP alike."""

import time

from streams.config import Settings
from streams.contract.events import (
    SlateRequest,
    check_size,
    check_time,
    decode_slate_request,
    seconds,
)
from streams.contract.segments import context_segment


def accept(value: bytes | None, settings: Settings) -> SlateRequest:
    """The request.

    Raises
    ------
    EventError
        With the reason of its dead letter.
    """
    check_size(value, settings.max_event_bytes)
    request = decode_slate_request(value)
    check_time(seconds(request.ts), time.time() + settings.max_ahead_s)
    if request.segment is None:
        context_segment(request.context, settings.segment_fields)
    return request
