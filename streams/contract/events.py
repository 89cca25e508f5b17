"""The wire: every event that users write or read, as frozen structs, and their decoders
(`streams.contract.decoding`).

CONTRACT section 1 is the specification. Unknown fields are ignored; whatever else does not fit
raises `EventError`, whose text names the field, what was expected and what was found, and becomes
the reason of a dead letter.
"""

import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from streams.contract.checks import FIRST_SECOND, LAST_SECOND
from streams.contract.checks import check_size as check_size
from streams.contract.checks import check_time as check_time
from streams.contract.checks import seconds as seconds
from streams.contract.decoding import Decode as Decode
from streams.contract.decoding import EventError as EventError

MAX_ID_LENGTH = 512  # characters; ids are parts of row keys, whose length prefix holds 65,535 bytes
MAX_POSITION = 9999
MAX_LIST = 1000  # items of one impression, words of a filter
MAX_K = 100

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


class Item(Struct, frozen=True, gc=False):
    """What can be shown. `vector`, of an image for instance, is used beside the embedding of the
    text; `available` False keeps it out of slates.
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


Position = Annotated[int, Meta(ge=0, le=MAX_POSITION)]
Propensity = Annotated[float, Meta(gt=0, le=1)]


class SeenItem(Struct, frozen=True, gc=False):
    """An item of a list that was seen; its position is its place in the list unless it says one."""

    item_id: Id
    position: Position | None = None
    propensity: Propensity | None = None


class Impression(Struct, frozen=True, gc=False):
    """What was seen of a slate: one item (`item_id` and `position`, counted from 0), a list
    (`items`), or, with neither, the whole slate that slatestream made.
    """

    slate_id: Id
    user_id: Id
    ts: Time
    item_id: Id | None = None
    position: Position | None = None
    items: Annotated[list[Id | SeenItem], Meta(min_length=1, max_length=MAX_LIST)] | None = None
    segment: Id | None = None
    context: Context | None = None
    propensity: Propensity | None = None


class Click(Struct, frozen=True, gc=False):
    """Feedback on an impression; the values that clicks bring are summed per (segment, item)."""

    slate_id: Id
    user_id: Id
    item_id: Id
    ts: Time
    kind: ClickKind = CLICK
    value: Value | None = None
    event_id: Id | None = None  # a conversion counts once per event_id, and its value is summed


Words = Annotated[list[Id], Meta(max_length=MAX_LIST)]


class TagFilter(Struct, frozen=True, gc=False):
    """At least one of `any`, and none of `none`."""

    any: Words | None = None
    none: Words | None = None


class PriceFilter(Struct, frozen=True, gc=False):
    """From `min` to `max`; an item without a price is in no range."""

    min: float | None = None
    max: float | None = None


class Filter(Struct, frozen=True, gc=False):
    """Items that a slate may hold: those that fit every part that is said."""

    category: Words | None = None
    brand: Words | None = None
    tags: TagFilter | None = None
    price: PriceFilter | None = None


class Pin(Struct, frozen=True, gc=False):
    """An item that is wanted at a place, counted from 0."""

    item_id: Id
    position: Annotated[int, Meta(ge=0, lt=MAX_K)]


Objective = Literal["click", "conversion", "value", "relevance", "freshness"]
Field = Literal["title", "text", "category", "brand", "price", "tags"]  # of an item


class SlateRequest(Struct, frozen=True, gc=False):
    """A user asks for the best k items. `objectives` are weights in place of the policy file's;
    `fields` of the items come with the slate.
    """

    request_id: Id
    user_id: Id
    ts: Time
    k: Annotated[int, Meta(ge=1, le=MAX_K)] = 10
    segment: Id | None = None
    context: Context | None = None
    candidates: list[Id] | None = None
    exclude: list[Id] | None = None
    filter: Filter | None = None
    pin: Annotated[list[Pin], Meta(max_length=MAX_K)] | None = None
    objectives: dict[Objective, Annotated[float, Meta(ge=0, le=1e6)]] | None = None
    fields: list[Field] | None = None


class SlateItem(Struct, frozen=True, gc=False, omit_defaults=True):
    """One place of a slate; `why` holds the parts that the score was made of."""

    item_id: str
    position: int
    score: float
    propensity: float
    why: dict[str, float]
    fields: dict[str, Any] | None = None


class Slate(Struct, frozen=True, gc=False):
    """The answer to a request, and the log of what was offered: `slate_id` equals its
    `request_id`. `counts_ts` is the time of the counts it was made from.
    """

    slate_id: str
    request_id: str | None
    user_id: str | None
    group: str
    segment: str
    variant: str
    policy: str
    policy_version: str
    encoder: str | None
    counts_ts: float
    items: list[SlateItem]
    ts: float


class OfferedWhy(Struct, frozen=True, gc=False):
    """Of the parts of a score what counting keeps."""

    mean: Value = 0.0
    best: Value | None = None
    variant_share: Annotated[float, Meta(ge=0, le=1)] | None = None


class OfferedItem(Struct, frozen=True, gc=False):
    """Of a slate's item what counting keeps."""

    item_id: Id
    position: Position
    propensity: Propensity
    why: OfferedWhy = OfferedWhy()


class OfferedSlate(Struct, frozen=True, gc=False):
    """Of a slate what counting keeps: the same JSON as `Slate`, read for less."""

    slate_id: Id
    segment: Id
    policy_version: str
    ts: Time
    items: list[OfferedItem]
    variant: Id = "base"
    user_id: Id | None = None


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


_encoder = msgspec.json.Encoder()


def encode(event: Struct) -> bytes:
    """The JSON of any event."""
    return _encoder.encode(event)


def check_shape(event: Impression) -> None:
    """Raise `EventError` for an impression that is neither of one item nor of a list nor of a whole
    slate.
    """
    if event.item_id is not None:
        if event.items is not None:
            msg = "expected either `item_id` or `items`, found both"
            raise EventError(msg)
        if event.position is None:
            msg = "object missing required field `position`"
            raise EventError(msg)
    elif event.items is None and (event.position is not None or event.propensity is not None):
        msg = (
            "object missing required field `item_id`: an impression of a whole slate has neither "
            "`position` nor `propensity`"
        )
        raise EventError(msg)


def check_wishes(request: SlateRequest) -> None:
    """Raise `EventError` for pins that are not apart or outside of the slate, and weights that are
    all 0.
    """
    pins = request.pin or []
    if len({pin.item_id for pin in pins}) < len(pins):
        msg = "field `pin`: expected every item once, found one twice"
        raise EventError(msg)
    if len({pin.position for pin in pins}) < len(pins):
        msg = "field `pin`: expected every position once, found one twice"
        raise EventError(msg)
    last = max((pin.position for pin in pins), default=0)
    if last >= request.k:
        msg = f"field `pin`: expected positions below `k`, {request.k}, found {last}"
        raise EventError(msg)
    if request.objectives is not None and not any(request.objectives.values()):
        msg = "field `objectives`: expected a weight above 0, found none"
        raise EventError(msg)


decode_item = Decode(Item)
decode_impression = Decode(Impression, check_shape)
decode_click = Decode(Click)
decode_slate_request = Decode(SlateRequest, check_wishes)
decode_slate = Decode(Slate)
decode_offered_slate = Decode(OfferedSlate)
decode_dead_letter = Decode(DeadLetter)
