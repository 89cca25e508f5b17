"""User log: which of the items shown were clicked, with what was known of the user when they were
shown: what `bandits.learning.user_effects` learns from.

    offered   a slate went out: features, click rates and places of its items
    seen      some of its items were seen; only those become rows
    clicked   one was clicked; within `DELAY_S` it counts
    settle    slates that are older become rows of a ring, the oldest of which give way

Bounded in slates that wait and in rows; of what goes out beyond, slates are passed over.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.learning.places import BANDS, band_of
from bandits.learning.user_effects import UserRows
from bandits.learning.user_features import FEATURES
from bandits.learning.user_history import Ints

# Clicks that come later are taken for none: most come within seconds, and what is missing is
# missing at all items alike.
DELAY_S = 60.0
WAITING_KEPT = 20_000  # slates
ROWS_KEPT = 100_000  # impressions; a fit of so many takes 0.1 s
LONGEST = 100  # items of a slate that are looked at


class Offered(NamedTuple):
    """Items of one slate, (n,) each but for the features, (n, 3)."""

    items: tuple[Hashable, ...]
    features: Floats
    mean: Floats
    place: Ints


class _Waiting:
    __slots__ = ("at_s", "clicked", "offered", "seen")

    def __init__(self, offered: Offered, at_s: float) -> None:
        self.offered, self.at_s = offered, at_s
        self.seen: set[Hashable] = set()
        self.clicked: set[Hashable] = set()


class UserLog:
    """Not for several threads.

    Parameters
    ----------
    delay_s
        How long a click is waited for, in seconds; larger learns later, and from more clicks.
    rows_kept, waiting_kept
        Bounds; more rows learn more and forget later.

    """

    def __init__(
        self,
        delay_s: float = DELAY_S,
        rows_kept: int = ROWS_KEPT,
        waiting_kept: int = WAITING_KEPT,
    ) -> None:
        self._delay_s, self._waiting_kept = delay_s, waiting_kept
        self._waiting: dict[Hashable, _Waiting] = {}  # oldest first
        self._features = np.zeros((rows_kept, len(FEATURES)), dtype=np.float32)
        self._mean = np.zeros(rows_kept, dtype=np.float32)
        self._band = np.zeros(rows_kept, dtype=np.int8)
        self._clicked = np.zeros(rows_kept, dtype=np.bool_)
        self._slate = np.zeros(rows_kept, dtype=np.int64)
        self.taken = 0  # rows so far
        self._slates = 0

    def offered(self, slate: Hashable, offered: Offered, now_s: float) -> None:
        """A slate went out."""
        if len(self._waiting) < self._waiting_kept and slate not in self._waiting:
            self._waiting[slate] = _Waiting(offered, now_s)

    def seen(self, slate: Hashable, items: Iterable[Hashable] | None = None) -> None:
        """Some of a slate's items were seen; None: all."""
        own = self._waiting.get(slate)
        if own is not None:
            own.seen.update(own.offered.items if items is None else items)

    def clicked(self, slate: Hashable, item: Hashable) -> None:
        """An item was clicked, and so it was seen."""
        own = self._waiting.get(slate)
        if own is not None:
            own.clicked.add(item)
            own.seen.add(item)

    def settle(self, now_s: float) -> None:
        """Slates that have waited long enough become rows."""
        done = []
        for slate, own in self._waiting.items():
            if now_s - own.at_s < self._delay_s:
                break
            done.append(slate)
        for slate in done:
            self._take(self._waiting.pop(slate))

    @property
    def rows(self) -> int:
        """Rows there are."""
        return min(self.taken, len(self._mean))

    def table(self, examination: Floats | None = None) -> UserRows:
        """The rows; `examination` (n_bands,) is how often places are looked at
        (`bandits.learning.places`), None: all alike.
        """
        kept = slice(self.rows)
        weight = np.ones(len(BANDS)) if examination is None else examination
        return UserRows(
            self._features[kept].astype(np.float64),
            self._mean[kept] * weight[self._band[kept]],
            self._clicked[kept].copy(),
            self._slate[kept].copy(),
        )

    def _take(self, own: _Waiting) -> None:
        """Rows of what was seen of a slate: two items at least, else there is none to compare."""
        offered = own.offered
        at = [i for i, item in enumerate(offered.items[:LONGEST]) if item in own.seen]
        if len(at) < 2:
            return
        rows = (self.taken + np.arange(len(at))) % len(self._mean)
        self._features[rows], self._mean[rows] = offered.features[at], offered.mean[at]
        self._band[rows] = band_of(offered.place[at])
        self._clicked[rows] = [offered.items[i] in own.clicked for i in at]
        self._slate[rows] = self._slates
        self._slates += 1
        self.taken += len(at)


def offered_of(
    items: Sequence[Hashable], places: Sequence[int], why: Sequence[Mapping[str, float]]
) -> Offered:
    """What a slate was made of, as its items' `why` say it; a feature that is left out is 0, and an
    item without a mean, a pinned one, is left out: nothing is said of what it depends on.
    """
    some = [i for i, parts in enumerate(why) if "mean" in parts and "pinned" not in parts]
    features = [[why[i].get(f"user_{name}", 0.0) for name in FEATURES] for i in some]
    return Offered(
        tuple(items[i] for i in some),
        np.array(features, dtype=np.float64).reshape(len(some), len(FEATURES)),
        np.array([why[i]["mean"] for i in some], dtype=np.float64),
        np.array([places[i] for i in some], dtype=np.int64),
    )
