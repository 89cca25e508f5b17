"""Histories: what users were shown and clicked lately, in so many bytes each, for so many users.

    clicked   the items of the last `CLICKS_KEPT` clicks, latest first
    recent    the items of the last `RECENT_KEPT` impressions, latest first, repeats and all
    shown     how often each of the last `SHOWN_KEPT` different items was shown since the user
              clicked it last, and when that was last

An item that was not shown for longer than a window has no repeats (`History.times`). Who was heard
of longest ago goes first. One thread writes, any may ask.

Not promised: how often an item was shown to a user who has seen `SHOWN_KEPT` others since.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats

Ints = NDArray[np.int64]

USERS_KEPT = 100_000
# 128 different items are a dozen slates of new ones; with their counts they are 1.3 KB
CLICKS_KEPT, RECENT_KEPT, SHOWN_KEPT = 10, 64, 128
MOST_TIMES = 65_535  # of two bytes


class History(NamedTuple):
    """One user at one time.

    Attributes
    ----------
    clicked, recent
        (n_clicked,) and (n_recent,) items, latest first.
    items, times, age_s
        (n_shown,) different items, how often each was shown without a click, and how long ago that
        was last, in seconds.

    """

    clicked: Ints
    recent: Ints
    items: Ints
    times: Floats
    age_s: Floats

    def repeats(self, window_s: float) -> Floats:
        """How often each of `items` was shown without a click, (n_shown,): none where that was last
        longer ago than the window.
        """
        return self.times * (self.age_s <= window_s)

    def among(self, n_items: int) -> History:
        """The same of the first items, where a user may know newer ones."""
        if max((own.max(initial=-1) for own in self[:3]), default=-1) < n_items:
            return self
        known = self.items < n_items
        return History(
            self.clicked[self.clicked < n_items],
            self.recent[self.recent < n_items],
            self.items[known],
            self.times[known],
            self.age_s[known],
        )


class _User:
    """What is kept of a user; `items`, `times` and `at_s` in the order of their last time."""

    __slots__ = ("at_s", "clicked", "items", "recent", "times")

    def __init__(self) -> None:
        self.clicked, self.recent, self.items = array("i"), array("i"), array("i")
        self.times, self.at_s = array("H"), array("d")


class Histories:
    """Histories by user."""

    def __init__(self, users_kept: int = USERS_KEPT) -> None:
        self._users_kept = users_kept
        self._users: dict[Hashable, _User] = {}  # whom nothing was heard of longest stands first

    def __len__(self) -> int:
        return len(self._users)

    def seen(self, user: Hashable, items: Iterable[int], now_s: float) -> None:
        """A user was shown items, from the top."""
        own = self._user(user)
        # subtle: others read while this writes, so arrays are replaced and never changed
        recent, shown, times, at_s = own.recent[:], own.items[:], own.times[:], own.at_s[:]
        for item in items:
            recent.append(item)
            before = 0
            if item in shown:
                at = shown.index(item)
                before = times[at]
                del shown[at], times[at], at_s[at]
            shown.append(item)
            times.append(min(before + 1, MOST_TIMES))
            at_s.append(now_s)
        self._put(
            user,
            own.clicked,
            recent[-RECENT_KEPT:],
            (shown[-SHOWN_KEPT:], times[-SHOWN_KEPT:], at_s[-SHOWN_KEPT:]),
        )

    def clicked(self, user: Hashable, item: int) -> None:
        """A user clicked an item: from here on it was shown no time without a click."""
        own = self._user(user)
        clicked, times = own.clicked[-CLICKS_KEPT + 1 :], own.times[:]
        clicked.append(item)
        if item in own.items:
            times[own.items.index(item)] = 0
        self._put(user, clicked, own.recent, (own.items, times, own.at_s))

    def of(self, user: Hashable, now_s: float) -> History | None:
        """What is known of a user; None of one that nothing is known of."""
        own = self._users.get(user)
        if own is None:
            return None
        clicked, recent, items = (
            np.array(each, dtype=np.int64) for each in (own.clicked, own.recent, own.items)
        )
        times, at_s = np.array(own.times, dtype=np.float64), np.array(own.at_s)
        return History(clicked[::-1], recent[::-1], items, times, np.maximum(now_s - at_s, 0.0))

    def knows(self, user: Hashable) -> bool:
        """Whether anything is known of a user."""
        return user in self._users

    def _user(self, user: Hashable) -> _User:
        return self._users.get(user) or _User()

    def _put(
        self,
        user: Hashable,
        clicked: array[int],
        recent: array[int],
        shown: tuple[array[int], array[int], array[float]],
    ) -> None:
        own = _User()
        own.clicked, own.recent = clicked, recent
        own.items, own.times, own.at_s = shown
        self._users.pop(user, None)
        self._users[user] = own
        if len(self._users) > self._users_kept:
            del self._users[next(iter(self._users))]
