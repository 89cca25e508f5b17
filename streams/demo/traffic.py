"""Visitors ask for slates and click, over Kafka alone: what any producer and consumer of
CONTRACT.md could do.

request -> slate -> one impression per place -> a click where the draw says so, at the visitor's own
rate
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bandits.slates.variants import BASE
from streams.config import Settings
from streams.contract.events import Click, Impression, SlateRequest, encode
from streams.contract.topics import TopicNames
from streams.demo.late_items import Came, LateItems
from streams.demo.world import World
from streams.kafka.producer import EventSender
from streams.kafka.topic_reader import TopicReader

K = 5  # places in a slate
# requests without an answer at a time: enough to keep the worker busy, few enough to learn from
IN_FLIGHT = 300
LAST_ANSWERS_S = 10.0

Watch = Callable[[int, float], None]  # visits answered, clicks per 1,000 of late


class Traffic(NamedTuple):
    """What happened, in the order of the answers: all (n_visits,).

    `segments` row of the rates, `clicks` per visit, `answer_s` from request to slate, `base`
    whether the slate was of no variant besides the policy file's own; how many requests got none,
    how many slates were empty; `swaps`: each encoder release that slates carried, with the
    number of the first such visit; and `came`: what became of the items that came at half time.
    """

    segments: NDArray[np.int64]
    clicks: NDArray[np.float64]
    answer_s: NDArray[np.float64]
    base: NDArray[np.bool_]
    unanswered: int
    empty: int
    swaps: tuple[tuple[str, int], ...]
    came: Came


class _Item(msgspec.Struct):
    item_id: str
    position: int
    propensity: float


class _Slate(msgspec.Struct):
    """The part of a slate that a shop needs."""

    slate_id: str
    items: list[_Item]
    encoder: str | None = None
    variant: str = BASE


def drive(
    world: World, settings: Settings, seconds: float, rng: np.random.Generator, watch: Watch
) -> Traffic:
    """Send visits for `seconds`, the late items at half time, wait for the last answers, and return
    what was clicked.
    """
    names = TopicNames(settings.topic_prefix)
    column = {item["item_id"]: n for n, item in enumerate(world.items)}
    decode = msgspec.json.Decoder(_Slate).decode
    pending: dict[str, tuple[int, float]] = {}  # slate_id -> visitor, when it was asked for
    segments: list[int] = []
    clicks: list[float] = []
    answer_s: list[float] = []
    base: list[bool] = []
    swaps: dict[str, int] = {}
    empty = sent = 0
    sender = EventSender(settings.kafka_client())
    end = time.monotonic() + seconds
    late = LateItems(world)
    with TopicReader(settings.kafka_client(), names.slates, from_end=True) as reader:
        while True:
            open_for_more = time.monotonic() < end
            if not late.sent and time.monotonic() > end - seconds / 2:
                late.send(sender, names.items, len(clicks), time.monotonic())
            while open_for_more and len(pending) < IN_FLIGHT:
                visitor = int(world.order[sent % len(world.order)])
                request_id = f"demo-{sent}"
                pending[request_id] = (visitor, time.monotonic())
                _ask(sender, names, world, visitor, request_id)
                sent += 1
            if not open_for_more and (not pending or time.monotonic() > end + LAST_ANSWERS_S):
                break
            for message in reader.batch(0.02):
                slate = decode(message.value() or b"")
                asked = pending.pop(slate.slate_id, None)
                if asked is None:  # a second answer, after a crash: the first one counts
                    continue
                visitor, asked_s = asked
                segment = int(world.segment_of[visitor])
                empty += not slate.items
                if slate.encoder:
                    swaps.setdefault(slate.encoder, len(clicks))
                shown = np.array([column[item.item_id] for item in slate.items], dtype=np.int64)
                clicked = rng.random(len(shown)) < world.rates[segment, shown]  # (m,)
                _tell(sender, names, world, visitor, slate, clicked)
                segments.append(segment)
                clicks.append(float(clicked.sum()))
                answer_s.append(time.monotonic() - asked_s)
                base.append(slate.variant == BASE)
                if base[-1]:
                    late.seen(shown, clicked, time.monotonic())
            watch(len(clicks), 1000 * float(np.mean(clicks[-1000:])) if clicks else 0.0)
        sender.flush()
    return Traffic(
        np.array(segments, dtype=np.int64),
        np.array(clicks),
        np.array(answer_s),
        np.array(base, dtype=np.bool_),
        len(pending),
        empty,
        tuple(swaps.items()),
        late.came(len(clicks)),
    )


def _ask(
    sender: EventSender, names: TopicNames, world: World, visitor: int, request_id: str
) -> None:
    person = world.visitors[visitor]
    request = SlateRequest(
        request_id, person.user_id, time.time(), k=K, context=dict(person.context)
    )
    sender.send(names.slate_requests, person.user_id.encode(), encode(request))


def _tell(
    sender: EventSender,
    names: TopicNames,
    world: World,
    visitor: int,
    slate: _Slate,
    clicked: NDArray[np.bool_],
) -> None:
    """An impression of the whole slate, then the clicks: what was offered, where and in which
    segment is known.
    """
    user, now = world.visitors[visitor].user_id, time.time()
    key = user.encode()
    sender.send(names.impressions, key, encode(Impression(slate.slate_id, user, now)))
    for item, yes in zip(slate.items, clicked, strict=True):
        if yes:
            sender.send(names.clicks, key, encode(Click(slate.slate_id, user, item.item_id, now)))
