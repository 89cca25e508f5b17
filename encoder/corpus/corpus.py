"""What an encoder learns from: item texts, what users did with them, and a split that leaks
nothing.

    item i is held out    <=>  first 8 bytes of SHA-256(salt, text_i) / 2^64 < held_out_share
    event e is for training <=>  t_e < cutoff  and  its item is not held out

Held-out items are never seen in training, in no form: neither their text nor an event on them. They
stand for the items of tomorrow (*cold*). The hash is of the text, so that two items with the same
text fall on the same side, and the choice stays the same from one refresh to the next, which is
what makes the figures of two releases comparable. Events are cut at one moment for all users:
cutting each user's own history would train on what others did later.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.serving.text import item_text

CLICK, CONVERSION = 0, 1
KINDS = {"click": CLICK, "conversion": CONVERSION}

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


class Feedback(NamedTuple):
    """One click or conversion. `kind` is a name of `KINDS`, `ts` seconds since the epoch."""

    user_id: str
    item_id: str
    kind: str
    ts: float


class Events(NamedTuple):
    """Feedback as columns, in the order of time.

    Attributes: `users` (n,) numbers given to users; `items` (n,) rows of the corpus; `kinds` (n,)
    CLICK or CONVERSION; `times_s` (n,) seconds since the epoch.
    """

    users: IntArray
    items: IntArray
    kinds: IntArray
    times_s: NDArray[np.float64]

    def where(self, chosen: BoolArray) -> "Events":
        """The events that `chosen` (n,) marks."""
        return Events(
            self.users[chosen], self.items[chosen], self.kinds[chosen], self.times_s[chosen]
        )


class Split(NamedTuple):
    """How to set apart: share of the items, share of the events (the last ones), and a salt that
    makes another choice.
    """

    held_out_share: float = 0.15
    test_share: float = 0.2
    salt: str = ""


@dataclass(frozen=True)
class Corpus:
    """Items and events with their split.

    Attributes
    ----------
    item_ids, texts
        one of each per item, sorted by id.
    held_out
        (n_items,) True where training never sees the item.
    events
        all of them, sorted by time.
    cutoff_s
        training sees events before this moment.

    """

    item_ids: tuple[str, ...]
    texts: tuple[str, ...]
    held_out: BoolArray
    events: Events
    cutoff_s: float

    def __len__(self) -> int:
        return len(self.item_ids)

    def training_rows(self) -> IntArray:
        """Rows of items to train on: not held out, each text once."""
        first = {text: row for row, text in reversed(list(enumerate(self.texts)))}
        return np.array(sorted(row for row in first.values() if not self.held_out[row]), np.int64)

    def held_out_rows(self) -> IntArray:
        """Rows of items to test on: held out, each text once (a text is its own copy's nearest
        neighbour).
        """
        first = {text: row for row, text in reversed(list(enumerate(self.texts)))}
        return np.array(sorted(row for row in first.values() if self.held_out[row]), np.int64)

    def training_events(self) -> Events:
        """Events before the cutoff on items that are not held out."""
        return self.events.where(
            (self.events.times_s < self.cutoff_s) & ~self.held_out[self.events.items]
        )


def build(
    items: Iterable[Mapping[str, Any]], feedback: Iterable[Feedback], split: Split | None = None
) -> Corpus:
    """Make a corpus of items and feedback.

    Parameters
    ----------
    items
        mappings as on the topic `items`; of two with one id the later one counts, as in a compacted
        topic. An item that is not available now still teaches: only its text matters here.
    feedback
        clicks and conversions in any order. Those on unknown items are dropped, and so is all but
        the first of the same user, item and kind: sending twice teaches nothing, and a second click
        of the same user hardly more.
    split
        see `Split`.

    Raises
    ------
    ValueError
        no item, or shares outside [0, 1), or a kind that is not in `KINDS`.

    """
    split = split or Split()
    if not (0 <= split.held_out_share < 1 and 0 <= split.test_share < 1):
        msg = (
            f"expected held_out_share and test_share in [0, 1), found {split.held_out_share} and "
            f"{split.test_share}"
        )
        raise ValueError(msg)
    by_id = {str(item["item_id"]): item_text(item) for item in items}
    if not by_id:
        msg = (
            "expected at least one item in the corpus, found none; is the topic `items` filled, or "
            "the file the right one?"
        )
        raise ValueError(msg)
    item_ids = tuple(sorted(by_id))
    texts = tuple(by_id[item_id] for item_id in item_ids)
    # (n_items,)
    held_out = np.array([_unit(split.salt, text) < split.held_out_share for text in texts])
    events = _columns(feedback, {item_id: row for row, item_id in enumerate(item_ids)})
    n_train = round(len(events.times_s) * (1 - split.test_share))
    cutoff_s = float(events.times_s[n_train]) if n_train < len(events.times_s) else float("inf")
    return Corpus(item_ids, texts, held_out, events, cutoff_s)


def among(corpus: Corpus, rows: IntArray) -> Corpus:
    """The corpus of these items alone, (n,) rows in their order, and of the events on them."""
    place = np.full(len(corpus), -1)
    place[rows] = np.arange(len(rows))
    events = corpus.events.where(place[corpus.events.items] >= 0)
    return Corpus(
        tuple(corpus.item_ids[row] for row in rows),
        tuple(corpus.texts[row] for row in rows),
        corpus.held_out[rows],
        events._replace(items=place[events.items]),
        corpus.cutoff_s,
    )


def earlier(corpus: Corpus, split: Split) -> Corpus:
    """The corpus as it was before: the same items, the events that training sees, and of these a
    later part and other items set apart. What is chosen by it was not chosen by what judges.
    """
    events = corpus.training_events()
    held_out = np.array([_unit(split.salt, text) < split.held_out_share for text in corpus.texts])
    n_train = round(len(events.times_s) * (1 - split.test_share))
    cutoff_s = float(events.times_s[n_train]) if n_train < len(events.times_s) else float("inf")
    return Corpus(corpus.item_ids, corpus.texts, held_out & ~corpus.held_out, events, cutoff_s)


def _columns(feedback: Iterable[Feedback], row_of: Mapping[str, int]) -> Events:
    """Feedback as columns: known items only, in time order (ties by user and item), each (user,
    item, kind) once.
    """
    users: dict[str, int] = {}
    seen = set()
    kept = []
    for user_id, item_id, kind, ts in sorted(
        feedback, key=lambda f: (f.ts, f.user_id, f.item_id, f.kind)
    ):
        if kind not in KINDS:
            msg = (
                f"expected a kind among {', '.join(KINDS)}, found {kind!r} (user {user_id!r}, item "
                f"{item_id!r})"
            )
            raise ValueError(msg)
        if item_id not in row_of or (user_id, item_id, kind) in seen:
            continue
        seen.add((user_id, item_id, kind))
        kept.append((users.setdefault(user_id, len(users)), row_of[item_id], KINDS[kind], ts))
    columns = np.array(kept, np.float64).reshape(-1, 4)  # (n, 4)
    return Events(
        columns[:, 0].astype(np.int64),
        columns[:, 1].astype(np.int64),
        columns[:, 2].astype(np.int64),
        columns[:, 3],
    )


def _unit(salt: str, text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    digest = hashlib.sha256(f"{salt}\n{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
