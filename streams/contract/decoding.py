"""Decoding: the one typed decoder at the boundary, which says what was wrong in a user's words."""

import typing
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
import orjson
from msgspec import Struct

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventError(ValueError):
    """An event that cannot be used; the text is the reason for its dead letter."""


Event = TypeVar("Event", bound=Struct)


class Decode(Generic[Event]):
    """The decoder of one type: a call gives an event or raises `EventError`.

    A call also takes what producers write besides: a byte order mark, null for a field that may be
    left out, `2.0` for a whole number. `quick` takes plain values only and raises one of `NOT_GOOD`
    for others, without a reason that a user could read.
    """

    NOT_GOOD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, EventError)

    def __init__(
        self, type_: type[Event], check: Callable[[Event], None] = lambda _event: None
    ) -> None:
        self._check = check  # of what the type cannot say
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
            event = self.quick(value)
            self._check(event)
            return event
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
