"""Events of clients: what the calls of `Client` write, checked before it goes."""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from streams.client.errors import ClientError
from streams.client.way import Line
from streams.contract.events import (
    EventError,
    Item,
    Slate,
    SlateItem,
    SlateRequest,
    decode_click,
    decode_impression,
    decode_item,
    decode_slate_request,
)

_WISHES = dict.fromkeys(SlateRequest.__struct_fields__).keys()
_encode = msgspec.json.Encoder().encode


def request_of(user: str, k: int, wishes: Mapping[str, Any]) -> SlateRequest:
    """A slate request; `wishes` are fields of it that are not None.

    Raises
    ------
    ClientError
        For what a serving process would refuse.
    """
    wrong = wishes.keys() - _WISHES
    if wrong:
        msg = f"expected fields of a slate request ({', '.join(_WISHES)}), found {min(wrong)!r}"
        raise ClientError(msg)
    said = {"request_id": str(uuid.uuid4()), "ts": time.time(), "user_id": user, "k": k}
    said |= {name: value for name, value in wishes.items() if value is not None}
    try:
        return decode_slate_request(_encode(said))
    except EventError as error:
        msg = f"slate request: {error}"
        raise ClientError(msg) from None


def impression_of(slate: Slate, items: Iterable[SlateItem] | None) -> Line:
    """What was seen of a slate: all of it, or some items.

    Of a slate that no serving process made (it answers no request) nobody else knows segment,
    places and propensities: they are said.
    """
    event = _of(slate)
    alone = slate.request_id is None
    if alone or items is not None:
        event["items"] = [
            {"item_id": each.item_id, "position": each.position, "propensity": each.propensity}
            for each in (slate.items if items is None else items)
        ]
    if alone:
        event["segment"] = slate.segment
    return _line("impressions", event["user_id"], event, decode_impression)


def click_of(
    slate: Slate,
    item: SlateItem | str,
    kind: str = "click",
    value: float | None = None,
    event_id: str | None = None,
) -> Line:
    """A click, or with `kind` a conversion."""
    said = {"kind": kind, "value": value, "event_id": event_id}
    event = _of(slate) | {name: each for name, each in said.items() if each is not None}
    event["item_id"] = item if isinstance(item, str) else item.item_id
    return _line("clicks", event["user_id"], event, decode_click)


def item_lines(items: Sequence[Item | Mapping[str, Any]]) -> list[Line]:
    """Items as they are produced."""
    lines = []
    for each in items:
        event = {
            name: value
            for name, value in (
                msgspec.structs.asdict(each) if isinstance(each, Item) else each
            ).items()
            if value is not None
        }
        lines.append(_line("items", str(event.get("item_id", "")), event, decode_item))
    return lines


def _of(slate: Slate) -> dict[str, Any]:
    return {"slate_id": slate.slate_id, "user_id": slate.user_id or "", "ts": time.time()}


def _line(topic: str, key: str, event: Mapping[str, Any], decode: Any) -> Line:
    value = _encode(event)
    try:
        decode(value)
    except EventError as error:
        msg = f"{topic}: {error}"
        raise ClientError(msg) from None
    return Line(topic, key, value)
