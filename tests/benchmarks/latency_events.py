"""Events and requests of the latency benchmark, in the format of CONTRACT: 1,000 items, 8 segments.

A slate is ten impressions and one click. Items are uniform: at a high rate every flush has changed
rows of nearly all cells, which is the hard case for whoever follows the counts.
"""

import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

ITEMS, SEGMENTS, USERS = 1_000, 8, 10_000
SLATE = 10  # impressions; one of them is clicked
K = 10
# what the texts of the catalogue are made of: an encoder needs something to tell items apart by
WORDS = (
    ("red", "blue", "small", "large", "old", "new", "light", "heavy", "round", "flat"),
    ("oak", "steel", "wool", "glass", "paper", "clay", "cotton", "copper", "linen", "cork"),
    ("chair", "lamp", "mug", "book", "coat", "table", "bowl", "clock", "shelf", "bag"),
)


class Event(NamedTuple):
    """One record, ready to be produced."""

    topic: str
    key: bytes
    value: bytes


def catalogue() -> list[dict[str, Any]]:
    """The items of the topic `items`, each with a text of its own."""
    items = []
    for number in range(ITEMS):
        words = [WORDS[n][number // 10**n % 10] for n in range(3)]
        items.append(
            {
                "item_id": f"item-{number}",
                "title": " ".join(words),
                "text": f"{words[2]} of {words[1]}, {words[0]}, number {number}",
                "category": words[2],
                "brand": words[1],
            }
        )
    return items


def events(label: str, count: int, per_s: float, seed: int) -> Iterator[Event]:
    """`count` events whose times follow each other as they do at `per_s`, from now on."""
    rng, start_s = random.Random(seed), time.time()
    for slate in range(-(-count // (SLATE + 1))):
        first = rng.randrange(ITEMS)
        ts = f"{start_s + slate * (SLATE + 1) / per_s:.3f}"
        segment = f"segment-{rng.randrange(SEGMENTS)}"
        yield from _slate(
            f"{label}-{slate}", rng.randrange(USERS), segment, first, ts, rng.randrange(SLATE)
        )


def new_cells(label: str, cells: int) -> Iterator[Event]:
    """Impressions and clicks that change `cells` (segment, item) cells, each of them once by an
    impression: segments of 1,000 items that nobody asks slates for.
    """
    ts = f"{time.time():.3f}"
    for slate in range(cells // SLATE):
        segment = f"flush-{slate * SLATE // ITEMS}"
        yield from _slate(f"{label}-{slate}", slate % USERS, segment, slate * SLATE, ts, 0, step=1)


def _slate(
    name: str, user: int, segment: str, first: int, ts: str, clicked: int, step: int = 7
) -> Iterator[Event]:
    key = b"user-%d" % user
    head = f'{{"slate_id":"{name}","user_id":"user-{user}","item_id":"item-'
    tail = f'"segment":"{segment}","propensity":0.1,"ts":{ts}}}'
    for position in range(SLATE):
        item = (first + step * position) % ITEMS
        yield Event("impressions", key, f'{head}{item}","position":{position},{tail}'.encode())
    item = (first + step * clicked) % ITEMS
    yield Event("clicks", key, f'{head}{item}","ts":{ts}}}'.encode())


def request(name: str, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """(user, slate request) of a user drawn at random."""
    user = f"user-{rng.randrange(USERS)}"
    segment = f"segment-{rng.randrange(SEGMENTS)}"
    return user, {
        "request_id": name,
        "user_id": user,
        "k": K,
        "segment": segment,
        "ts": time.time(),
    }
