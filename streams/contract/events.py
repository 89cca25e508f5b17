"""The wire: every event that users write or read, as frozen structs, and the one typed decoder at
the boundary.

CONTRACT section 1 is the specification. Unknown fields are ignored; whatever else does not fit
raises `EventError`, whose text names the field, what was expected and what was found, and becomes
the reason of a dead letter.
"""

import datetime
import typing
from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import orjson
from msgspec import Meta, Struct

MAX_ID_LENGTH = 512  # characters; ids are parts of row keys, whose length prefix holds 65,535 bytes
# the year 2000: what is before it is a clock that was never set, or another unit
FIRST_SECOND = 946_684_800.0
# the end of the year 9999; `check_time` holds events against the clock
LAST_SECOND = 253_402_300_799.0
MAX_POSITION = 9999
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]
Seconds = Annotated[float, Meta(ge=FIRST_SECOND, le=LAST_SECOND)]
Rfc3339 = Annotated[datetime.datetime, Meta(tz=True)]
Time = Seconds | Rfc3339
# its values become parts of row keys too; whole numbers stay whole: ids may exceed 2 ** 53
# Lists and objects may stand there and say nothing (`streams.contract.segments`)
ContextValue = Annotated[str, Meta(max_length=MAX_ID_LENGTH)] | int | float | bool | None
Context = dict[str, ContextValue | list[Any] | dict[str, Any]]
# subtle: values are added up for ever; an infinite sum, and the difference of two of them, would
# poison its row for good
Value = Annotated[float, Meta(ge=-1e15, le=1e15)]
ClickKind = Literal["click", "conversion"]
CLICK: ClickKind = "click"


class EventError(ValueError):
    """An event that cannot be used; the text is the reason for its dead letter."""


class Item(Struct, frozen=True, gc=False):
    """What can be shown. `vector` overrides the encoder's embedding; `available` False keeps it out
    of slates.
    """

    item_id: Id
    title: str | None = None
    text: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    tags: list[str] | None = None
    vector: list[float] | None = None
    available: bool = True


class Impression(Struct, frozen=True, gc=False):
    """An item was seen in a slate, at a position counted from 0."""

    slate_id: Id
    user_id: Id
    item_id: Id
    position: Annotated[int, Meta(ge=0, le=MAX_POSITION)]
    ts: Time
    segment: Id | None = None
    context: Context | None = None
    propensity: Annotated[float, Meta(gt=0, le=1)] | None = None


class Click(Struct, frozen=True, gc=False):
    """Feedback on an impression; the values that clicks bring are summed per (segment, item)."""

    slate_id: Id
    user_id: Id
    item_id: Id
    ts: Time
    kind: ClickKind = CLICK
    value: Value | None = None


class SlateRequest(Struct, frozen=True, gc=False):
    """A user asks for the best k items."""

    request_id: Id
    user_id: Id
    ts: Time
    k: Annotated[int, Meta(ge=1, le=100)] = 10
    segment: Id | None = None
    context: Context | None = None
    candidates: list[Id] | None = None
    exclude: list[Id] | None = None


class SlateItem(Struct, frozen=True, gc=False):
    """One place of a slate; `why` holds the parts that the score was made of."""

    item_id: str
    position: int
    score: float
    propensity: float
    why: dict[str, float]


class Slate(Struct, frozen=True, gc=False):
    """The answer to a request: `slate_id` equals its `request_id`."""

    slate_id: str
    request_id: str | None
    user_id: str | None
    segment: str
    policy: str
    policy_version: str
    encoder: str | None
    items: list[SlateItem]
    ts: float


class DeadLetter(Struct, frozen=True, gc=False):
    """An event that was refused: where it stood, why, and what it said (cut to
    `MAX_QUOTED_BYTES`).
    """

    topic: str
    partition: int
    offset: int
    reason: str
    key: str | None
    value: str
    ts: float


# of a refused event's value: a dead letter must fit where the event itself may not have
MAX_QUOTED_BYTES = 65_536

Event = TypeVar("Event", bound=Struct)


def check_size(value: bytes | None, max_bytes: int) -> None:
    """Raise `EventError` for a value that is too long to be decoded."""
    if value is not None and len(value) > max_bytes:
        msg = (
            f"expected at most {max_bytes} bytes, found {len(value)}; see "
            "SLATESTREAM_MAX_EVENT_BYTES"
        )
        raise EventError(msg)


_encoder = msgspec.json.Encoder()


def encode(event: Struct) -> bytes:
    """The JSON of any event."""
    return _encoder.encode(event)


def seconds(time: float | datetime.datetime) -> float:
    """Seconds since the epoch, whichever way the event said it.

    Raises
    ------
    EventError
        For a date before the year 2000.
    """
    if type(time) is float:
        return time
    found_s: float = time.timestamp()  # type: ignore[union-attr]
    if found_s < FIRST_SECOND:
        msg = f"field `ts`: expected a time from 2000-01-01 on, found {time}"
        raise EventError(msg)
    return found_s


def check_time(time_s: float, latest_s: float) -> None:
    """Raise `EventError` for a time that the clock has not nearly reached."""
    if time_s > latest_s:
        msg = (
            f"field `ts`: expected a time up to {latest_s:.0f} (see SLATESTREAM_MAX_AHEAD_S), "
            f"found {time_s:.0f}; are these milliseconds, or is a clock wrong?"
        )
        raise EventError(msg)


class Decode(Generic[Event]):
    """The decoder of one type: a call gives an event or raises `EventError`.

    A call also takes what producers write besides: a byte order mark, null for a field that may be
    left out, `2.0` for a whole number. `quick` takes plain values only and raises one of `NOT_GOOD`
    for others, without a reason that a user could read.
    """

    NOT_GOOD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, EventError)

    def __init__(self, type_: type[Event]) -> None:
        self.quick: Callable[[bytes], Event] = msgspec.json.Decoder(type_).decode
        self._fields = {
            field.encode_name: (
                not field.required and not _takes_null(field.type),
                _is_whole(field.type),
            )
            for field in msgspec.structs.fields(type_)
        }

    def __call__(self, value: bytes | None) -> Event:
        """The event, or `EventError` with the reason."""
        if value is None:
            msg = "expected a JSON object, found no value"
            raise EventError(msg)
        value = value.removeprefix(BYTE_ORDER_MARK)
        try:
            return self.quick(value)
        except msgspec.ValidationError as error:
            plain = self._plain(value)
            if plain is not None:
                return self(plain)
            raise EventError(_explain(str(error), value)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            msg = f"expected a JSON object in UTF-8, found broken JSON: {error}"
            raise EventError(msg) from None

    def _plain(self, value: bytes) -> bytes | None:
        """The same event without nulls that say nothing and with whole numbers as such; None if it
        has neither.
        """
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(event, dict):
            return None
        changed = False
        for name, (may_go, whole) in self._fields.items():
            found = event.get(name, event)
            if found is None and may_go:
                del event[name]
                changed = True
            elif whole and isinstance(found, float) and found.is_integer():
                event[name] = int(found)
                changed = True
        try:
            return orjson.dumps(event) if changed else None
        except orjson.JSONEncodeError:  # a whole number of more than 64 bits
            return None


def _takes_null(kind: Any) -> bool:
    return type(None) in typing.get_args(kind)


def _is_whole(kind: Any) -> bool:
    return kind is int or any(_is_whole(each) for each in typing.get_args(kind))


def _explain(error: str, value: bytes) -> str:
    """`error` names the field (`... - at `$.k``); add what stood there, where the rest of the value
    can be read.
    """
    text, at, path = error.partition(" - at `$")
    if not at:
        return text
    reason = f"field `{path.strip('`').lstrip('.')}`: {text[0].lower()}{text[1:]}"
    try:
        return f"{reason}, found {_found(orjson.loads(value), path)}"
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, IndexError):
        # broken behind that field; too deep; the field stands there twice
        return reason


def _found(found: Any, path: str) -> str:
    for step in path.rstrip("`").replace("[", ".").replace("]", "").split(".")[1:]:
        if isinstance(found, dict):
            if not step:  # `[...]` stands for any key or element: quote all of them
                break
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit():
            found = found[int(step)]
    return orjson.dumps(found).decode()[:100]


decode_item = Decode(Item)
decode_impression = Decode(Impression)
decode_click = Decode(Click)
decode_slate_request = Decode(SlateRequest)
decode_slate = Decode(Slate)
decode_dead_letter = Decode(DeadLetter)
