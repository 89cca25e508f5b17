"""Random histories: slates shown, clicked and converted, with everything that real logs do to them.

Duplicates and disorder stay well inside the attribution window and late events are clearly late, so
that the totals do not depend on the order of arrival (see `streams.counting.attribution` for what
is promised). The rest is as hostile as the contract allows: feedback before its impression,
conversions that need a click, segments of their own, from a context, from a slate that slatestream
made, or none, impressions one by one, in lists and of whole slates, and events that are broken.
"""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple

from tests.kafka.oracle import Cell, Totals, Windows, recount

WINDOWS = Windows(attribution_s=240.0, conversion_s=600.0, segment_fields=("tier",))
IMPRESSIONS, CLICKS, REQUESTS = "impressions", "clicks", "slate-requests"
SLATES = "slates"
OFFERED = 0.3  # the share of slates that slatestream made
ITEMS = 400
BROKEN = (
    b"{not json",
    b"[]",
    b'{"slate_id": "s"}',
    b'{"slate_id": "s", "user_id": "u", "item_id": 7, "position": 0, "ts": 1.0}',
    b'{"slate_id": "s", "user_id": "u", "item_id": "i", "position": -1, "ts": -5.0}',
    b"\xff\xfe",
    None,
)


class Event(NamedTuple):
    """One record to produce; `bad` ones must become one dead letter each."""

    arrives_s: float  # since the beginning of the history, in event time
    source: str
    key: bytes | None
    value: bytes | None
    bad: bool = False


class History(NamedTuple):
    """`events` in order of arrival, then `follower`: what happens to the slates that were served,
    which are known once they are answered. `outcomes` is what becomes of the slates in it, those
    that are asked for left out: how many, their impressions, clicks, conversions and value.
    """

    events: list[Event]
    follower: list[Event]
    expected: dict[Cell, Totals]
    request_ids: frozenset[str]
    outcomes: tuple[int, int, int, int, float]


class _Maker:
    def __init__(self, rnd: random.Random, base_s: float) -> None:
        self.rnd = rnd
        self.base_s = base_s
        self.impressions: list[dict[str, Any]] = []
        self.feedback: list[dict[str, Any]] = []
        self.events: list[Event] = []
        self.served: dict[str, str] = {}  # slate -> segment, of slates that slatestream made
        self.asks = False  # whether somebody answers requests

    def slate(self, slate_id: str, start_s: float, *, served: bool) -> None:
        """Show up to six items, and let the user react; of a served slate the segment is known, and
        nothing comes late.
        """
        rnd = self.rnd
        if not served and rnd.random() < OFFERED:
            self._offered(slate_id, start_s)
            return
        user = f"u{rnd.randrange(3000)}"
        look = {} if served else self._look()
        for position, item in enumerate(rnd.sample(range(ITEMS), rnd.randint(1, 6))):
            if not served and rnd.random() < 0.1:
                look = self._look()
            shown_s = round(start_s + rnd.random(), 3)
            event = {
                "slate_id": slate_id,
                "user_id": user,
                "item_id": f"i{item}",
                "position": position,
                "ts": self.base_s + shown_s,
                **look,
            }
            self.impressions.append(event)
            self._send(IMPRESSIONS, user, event, shown_s)
            self._reactions(
                not served,
                {name: event[name] for name in ("slate_id", "user_id", "item_id")},
                shown_s,
            )

    def _offered(self, slate_id: str, start_s: float) -> None:
        """A slate that a serving process has put into the log, and impressions that leave segment,
        places and propensities to it: one by one, in a list, or as a whole.
        """
        rnd = self.rnd
        user, segment = f"u{rnd.randrange(3000)}", f"offered{rnd.randrange(4)}"
        items = [f"i{item}" for item in rnd.sample(range(ITEMS), rnd.randint(1, 6))]
        self.served[slate_id] = segment
        slate = {
            "slate_id": slate_id,
            "request_id": slate_id,
            "user_id": user,
            "group": "g",
            "segment": segment,
            "variant": "base",
            "policy": "thompson",
            "policy_version": "v1",
            "encoder": None,
            "counts_ts": self.base_s,
            "items": [
                {"item_id": item, "position": at, "score": 0.5, "propensity": 0.25, "why": {}}
                for at, item in enumerate(items)
            ],
            "ts": self.base_s + start_s - 0.5,
        }
        self.events.append(Event(start_s - 0.5, SLATES, user.encode(), json.dumps(slate).encode()))
        ids = {"slate_id": slate_id, "user_id": user}
        look = {"context": {"tier": rnd.choice("abcd")}} if rnd.random() < 0.5 else {}
        shape, together_s = rnd.choice(("one", "list", "whole")), round(start_s + rnd.random(), 3)
        if shape != "one":
            listed = {"items": items} if shape == "list" else {}
            event = {**ids, **listed, "ts": self.base_s + together_s, **look}
            self._send(IMPRESSIONS, user, event, together_s)
        for at, item in enumerate(items):
            shown_s = round(start_s + rnd.random(), 3) if shape == "one" else together_s
            event = {**ids, "item_id": item, "ts": self.base_s + shown_s, **look}
            self.impressions.append(event)
            if shape == "one":
                self._send(IMPRESSIONS, user, {**event, "position": at}, shown_s)
            self._reactions(True, {**ids, "item_id": item}, shown_s)

    def _look(self) -> dict[str, Any]:
        kind = self.rnd.random()
        if kind < 0.5:
            return {"segment": f"seg{self.rnd.randrange(12)}"}
        if kind < 0.8:
            return {"context": {"tier": self.rnd.choice("abcd"), "visits": 3}}
        return {"context": {"visits": 4}} if kind < 0.9 else {}

    def _reactions(self, all_kinds: bool, ids: dict[str, Any], shown_s: float) -> None:
        rnd, near_s, far_s = self.rnd, WINDOWS.attribution_s, WINDOWS.conversion_s
        chances = (
            (0.25, "click", -0.01 * near_s, 0.8 * near_s),
            (0.04, "click", 1.3 * near_s, 1.9 * near_s),  # late
            (0.06, "conversion", 0.0, 0.8 * near_s),
            (0.06, "conversion", 1.2 * near_s, 0.9 * far_s),  # counts in a slate with a click
            (0.02, "conversion", 1.2 * far_s, 1.5 * far_s),  # late
        )
        # quarters: sums of floats are exact
        values = {"click": rnd.randrange(1, 5) / 4, "conversion": rnd.randrange(1, 100) / 4}
        for chance, kind, low_s, high_s in chances:
            if rnd.random() < chance and (all_kinds or high_s < near_s):
                at_s = round(shown_s + rnd.uniform(low_s, high_s), 3)
                event = {**ids, "ts": self.base_s + at_s, "kind": kind, "value": values[kind]}
                self.feedback.append(event)
                self._send(CLICKS, ids["user_id"], event, at_s)

    def _send(self, source: str, user: str, event: dict[str, Any], at_s: float) -> None:
        rnd, window_s = self.rnd, WINDOWS.attribution_s
        value = json.dumps(event).encode()
        arrives_s = at_s + (rnd.uniform(0, 0.3 * window_s) if rnd.random() < 0.08 else 0.0)
        self.events.append(Event(arrives_s, source, user.encode(), value))
        if rnd.random() < 0.05:
            self.events.append(
                Event(arrives_s + rnd.uniform(0, 0.5 * window_s), source, user.encode(), value)
            )

    def bad(self, at_s: float) -> None:
        """One event that must be refused."""
        rnd = self.rnd
        sources = (IMPRESSIONS, CLICKS, SLATES, *((REQUESTS,) if self.asks else ()))
        key: bytes | None = f"u{rnd.randrange(3000)}".encode()
        value = rnd.choice(BROKEN)
        if rnd.random() < 0.2:
            key, value = (
                rnd.choice((None, b"")),
                b'{"slate_id":"s","user_id":"u","item_id":"i","position":0,"ts":1.0,"request_id":"r"}',
            )
        self.events.append(Event(at_s, rnd.choice(sources), key, value, bad=True))


def make(
    rnd: random.Random, now_s: float, events: int, requests: int = 200, name: str = "s"
) -> History:
    """About `events` events that end before `now_s`, over 1,500 seconds of event time; slate ids
    begin with `name`.
    """
    span_s = 1500.0
    base_s = round(now_s - 2 * span_s - WINDOWS.conversion_s * 2)
    maker = _Maker(rnd, base_s)
    maker.asks = requests > 0
    slates = 0
    while len(maker.events) < events:
        maker.slate(f"{name}{slates}", rnd.uniform(0, span_s), served=False)
        slates += 1
        if slates % 8 == 0:
            maker.bad(rnd.uniform(0, span_s))
    outcomes = _outcomes(maker)
    body = maker.events
    end_s = max(event.arrives_s for event in body)
    maker.events = []
    served = maker.served
    asked = set()
    for number in range(requests):
        request_id, segment = f"{name}-r{number}", f"served{rnd.randrange(4)}"
        served[request_id] = segment
        asked.add(request_id)
        maker.slate(request_id, end_s, served=True)
        user = json.loads(maker.events[-1].value or b"")["user_id"]
        # the slate is remembered for two windows
        asked_s = end_s - rnd.uniform(0.1, 0.8) * WINDOWS.attribution_s
        ask = {
            "request_id": request_id,
            "user_id": user,
            "k": 3,
            "segment": segment,
            "ts": base_s + asked_s,
        }
        body.append(Event(asked_s, REQUESTS, user.encode(), json.dumps(ask).encode()))
    expected = recount(maker.impressions, maker.feedback, WINDOWS, served)
    body.sort(key=_arrival)
    maker.events.sort(key=_arrival)
    return History(body, maker.events, expected, frozenset(asked), outcomes)


def _outcomes(maker: _Maker) -> tuple[int, int, int, int, float]:
    impressions, feedback = (
        [event for event in events if event["slate_id"] in maker.served]
        for events in (maker.impressions, maker.feedback)
    )
    totals = recount(impressions, feedback, WINDOWS, maker.served).values()
    shown, clicks, conversions = (sum(row[at] for row in totals) for at in range(3))
    return len(maker.served), shown, clicks, conversions, sum(row[3] for row in totals)


def _arrival(event: Event) -> float:
    return event.arrives_s
