"""Events over HTTP: each line is checked as a worker would, then on Kafka before it is accepted.

    JSON lines   {"topic": "clicks", "event": {...}}      or one JSON array of the same objects

An answer says of each line that was not taken what is wrong with it; the others are on Kafka.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from aiohttp import web
from confluent_kafka import KafkaError
from msgspec import Struct

from streams.config import Settings
from streams.contract.events import (
    Decode,
    EventError,
    Impression,
    check_size,
    check_time,
    decode_click,
    decode_impression,
    decode_item,
    seconds,
)
from streams.contract.http import Accepted, EventLine, RejectedLine
from streams.contract.items import read_item
from streams.contract.segments import context_segment
from streams.contract.topics import TopicNames
from streams.metrics import ServingMetrics
from streams.serving.http.access import Access
from streams.serving.http.door import ACCESS, TRACE
from streams.serving.http.endpoint import JSON, JSON_LINES, TOKEN, Endpoint, Turns, answer, body_of
from streams.serving.http.event_sender import EventLineSender, Record
from streams.serving.http.problems import ProblemError

MOST_LINES = 10_000
LARGE_BYTES = 100_000  # a body that takes too long to be split on the event loop
NOT_PUBLIC = "expected SLATESTREAM_HTTP_TOKEN with topic `items`, found the public token"


class _Line(Struct, frozen=True):
    topic: Literal["impressions", "clicks", "items"]
    event: msgspec.Raw


_decode_line = Decode(_Line)
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Events:
    """The handler.

    Parameters
    ----------
    settings, metrics
        Of the process.
    sender
        What takes them to Kafka.
    """

    def __init__(
        self, settings: Settings, metrics: ServingMetrics, sender: EventLineSender
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._sender = sender
        names = TopicNames(settings.topic_prefix)
        self._topics = {
            "impressions": names.impressions,
            "clicks": names.clicks,
            "items": names.items,
        }

    def endpoints(self) -> list[Endpoint]:
        """Rows of the table."""
        return [
            Endpoint(
                "POST",
                "/v1/events",
                self.post,
                "Send impressions, clicks and items; 202 when Kafka has them",
                Access.PUBLIC,
                answer=Accepted,
                status=202,
                body={JSON_LINES: EventLine, JSON: list[EventLine]},
                parameters=(TOKEN,),
                problems=(503,),
            )
        ]

    async def post(self, request: web.Request) -> web.Response:
        """POST /v1/events."""
        body = await body_of(request)
        if len(body) > LARGE_BYTES:
            lines = await asyncio.to_thread(_lines, body)
        else:
            lines = _lines(body)
        if not 1 <= len(lines) <= MOST_LINES:
            msg = f"expected 1 to {MOST_LINES} lines, found {len(lines)}; send several requests"
            raise ProblemError(400, msg)
        records: list[tuple[int, str, Record]] = []
        rejected: list[RejectedLine] = []
        turns = Turns()
        latest_s = time.time() + self._settings.max_ahead_s
        for number, value in lines:
            try:
                topic, record = self._checked(value, request[ACCESS], latest_s)
                records.append((number, topic, record))
            except EventError as error:
                rejected.append(RejectedLine(number, str(error)))
            await turns.breathe()
        errors = await self._sender.send(
            [record for _number, _topic, record in records], request[TRACE].of_record()
        )
        for at, failure in errors.items():
            if failure.code() != KafkaError.MSG_SIZE_TOO_LARGE:
                msg = f"events did not reach Kafka: {failure.str()}; send all of them again"
                raise ProblemError(503, msg)
            rejected.append(RejectedLine(records[at][0], f"too large for Kafka: {failure.str()}"))
        for at, (_number, topic, _record) in enumerate(records):
            outcome = "rejected" if at in errors else "accepted"
            self._metrics.http_events.labels(topic, outcome).inc()
        if len(rejected) > len(errors):
            self._metrics.http_events.labels("", "rejected").inc(len(rejected) - len(errors))
        rejected.sort(key=lambda each: each.line)
        return answer(Accepted(len(records) - len(errors), rejected), status=202)

    def _checked(self, value: bytes, access: Access, latest_s: float) -> tuple[str, Record]:
        """An event's topic and its record.

        Raises
        ------
        EventError
            For one that a worker would refuse.
        """
        line = _decode_line(value)
        event, most = bytes(line.event), self._settings.max_event_bytes
        check_size(event, most)
        if line.topic == "items":
            if access < Access.FULL:
                raise EventError(NOT_PUBLIC)
            key = decode_item(event).item_id
            read_item(key.encode(), event, most)
        else:
            user: Any = (decode_click if line.topic == "clicks" else decode_impression)(event)
            check_time(seconds(user.ts), latest_s)
            if isinstance(user, Impression) and user.segment is None:
                context_segment(user.context, self._settings.segment_fields)
            key = user.user_id
        return line.topic, Record(self._topics[line.topic], key.encode(), event)


def _lines(body: bytes) -> list[tuple[int, bytes]]:
    """Lines that hold something, counted from 1, or the elements of an array."""
    return list(_split(body.removeprefix(b"\xef\xbb\xbf")))


def _split(body: bytes) -> Iterator[tuple[int, bytes]]:
    if body.lstrip()[:1] != b"[":
        for number, line in enumerate(body.split(b"\n"), 1):
            if line.strip():
                yield number, line.strip()
        return
    try:
        found = _decode_array(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"expected JSON lines or one JSON array, found broken JSON: {error}"
        raise ProblemError(400, msg) from None
    for number, each in enumerate(found, 1):
        yield number, bytes(each)
