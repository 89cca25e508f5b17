"""Users: what every user clicked and was shown lately, and what that says, from the tails of
`slates`, `impressions` and `clicks`.

    slate        its items are known by its id, with what they were chosen by, until they are seen
    impression   its user was shown items; once per item and slate
    click        its user clicked an item

Items are numbers, not vectors: a new release changes every vector and loses nothing. An impression
of a whole slate that has not come yet waits for it. All is bounded: users, what is kept of one,
slates that may still be seen, impressions that wait; ids of items that nobody described are passed
over. One thread takes events; any thread may ask.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bandits.learning.user_effects import UserEffects
from bandits.learning.user_features import FEATURES, profile
from bandits.learning.user_history import History
from bandits.learning.user_learner import UserLearner
from bandits.learning.user_log import offered_of
from bandits.slates.refresh import Known, examination_of_bands
from bandits.slates.variants import PolicyFile
from streams.contract.events import CLICK, MAX_LIST, Click, Id, Impression, Position, SeenItem
from streams.metrics import ServingMetrics
from streams.serving.counts_view import Index

log = logging.getLogger(__name__)

SLATES_KEPT = 50_000  # that may still be seen; some 300 bytes each
EARLY_KEPT = 10_000  # impressions that came before their slate
LEARN_EVERY_S = 5.0

Kept = TypeVar("Kept")


class LoggedItem(Struct, frozen=True, gc=False):
    """Of a slate's item what is learned from."""

    item_id: Id
    position: Position
    why: dict[str, float]


class LoggedSlate(Struct, frozen=True, gc=False):
    """Of a slate what is learned from: the same JSON as `Slate`, read for less."""

    slate_id: Id
    items: list[LoggedItem]
    user_id: Id | None = None


class _Slate(NamedTuple):
    """Items of a slate, and those that were seen."""

    items: tuple[int, ...]
    seen: set[int]


class Users:
    """Users by id; `items` are their numbers."""

    def __init__(self, items: Index, policy_file: PolicyFile) -> None:
        self.learner = UserLearner()
        self.version = 0  # changes when something was learned
        self._items = items
        self._config = policy_file.base
        self._slates: dict[str, _Slate] = {}  # oldest first
        self._early: dict[str, tuple[str, float]] = {}  # oldest first
        self._next_s = 0.0

    # ---- events, in one thread

    def offered(self, slate: LoggedSlate, at_s: float) -> None:
        """A slate went out."""
        if slate.slate_id in self._slates:
            return  # the first holds
        known = [(self._items.get(each.item_id), each) for each in slate.items[:MAX_LIST]]
        numbers = [number for number, _ in known if number is not None]
        _put(self._slates, slate.slate_id, _Slate(tuple(numbers), set()), SLATES_KEPT)
        some = [each for number, each in known if number is not None]
        places, why = [each.position for each in some], [each.why for each in some]
        self.learner.offered(slate.slate_id, offered_of(numbers, places, why), at_s)
        early = self._early.pop(slate.slate_id, None)
        if early is not None:
            self._seen(slate.slate_id, early[0], numbers, max(at_s, early[1]))

    def seen(self, impression: Impression, at_s: float) -> None:
        """Items were seen."""
        names = _named(impression)
        if not names and impression.slate_id not in self._slates:
            _put(self._early, impression.slate_id, (impression.user_id, at_s), EARLY_KEPT)
            return
        numbers = [number for name in names if (number := self._items.get(name)) is not None]
        if not names:
            numbers = list(self._slates[impression.slate_id].items)
        self._seen(impression.slate_id, impression.user_id, numbers, at_s)

    def clicked(self, click: Click) -> None:
        """An item was clicked."""
        number = self._items.get(click.item_id)
        if click.kind == CLICK and number is not None:
            self.learner.clicked(click.slate_id, click.user_id, number)

    def _seen(self, slate_id: str, user_id: str, numbers: Sequence[int], at_s: float) -> None:
        slate = self._slates.get(slate_id)
        if slate is not None:  # an event that comes twice is one
            numbers = [number for number in numbers if number not in slate.seen]
            slate.seen.update(number for number in numbers if number in slate.items)
        if numbers:
            self.learner.seen(slate_id, user_id, numbers, at_s)

    # ---- beside those who answer

    def learn(self, known: Known | None, now_s: float) -> None:
        """Learn from what has come, now and then; `known` of the file's own policy."""
        if now_s < self._next_s or known is None:
            return
        self._next_s = now_s + LEARN_EVERY_S
        if self.learner.refresh(now_s, examination_of_bands(self._config, known)):
            self.version += 1
            log.info("users: %s", in_words(self.learner.effects))

    def tell(self, metrics: ServingMetrics) -> None:
        """Say what was learned."""
        effects = self.learner.effects
        for name, weight in zip(FEATURES, effects.weights.tolist(), strict=True):
            metrics.user_weights.labels(name).set(weight)
        metrics.user_slates.set(effects.slates)
        metrics.users.set(len(self.learner.histories))

    # ---- those who answer

    def knows(self, user_id: str) -> bool:
        """Whether anything is known of a user."""
        return self.learner.histories.knows(user_id)

    def history(self, user_id: str, now_s: float, n_items: int) -> History | None:
        """What is known of a user about the first items; None where nothing is."""
        return self.learner.history(user_id, now_s, n_items)


def in_words(effects: UserEffects) -> str:
    """What was learned.

    Examples
    --------
    >>> in_words(UserEffects(np.array([0.7, 0.0, -1.1]), np.zeros(3), 400, 900))
    'odds of a click for each unit of relevance x 2.01, repeats x 1.00, topic x 0.33; 400 slates'
    """
    found = zip(FEATURES, np.exp(effects.weights).tolist(), strict=True)
    each = ", ".join(f"{name} x {odds:.2f}" for name, odds in found)
    return f"odds of a click for each unit of {each}; {effects.slates} slates"


def user_vector(
    history: History | None, matrix: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    """(d,) unit vector of the last clicks by the rows of `matrix` (n_items, d), for the objective
    relevance; None for a user without clicks, or without vectors.
    """
    if history is None or matrix is None or not history.clicked.size:
        return None
    return profile(matrix[history.clicked])


def _named(impression: Impression) -> list[str]:
    """Items that an impression names; none of a whole slate."""
    if impression.item_id is not None:
        return [impression.item_id]
    return [each.item_id if isinstance(each, SeenItem) else each for each in impression.items or ()]


def _put(kept: dict[str, Kept], name: str, value: Kept, most: int) -> None:
    """Add to a dict of so many, the oldest of which gives way."""
    kept[name] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
