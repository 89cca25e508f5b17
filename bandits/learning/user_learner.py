"""User learner: histories of users, and the effects of histories, from events as they come.

    offered   a slate went out: what it was made of is kept for its clicks
    seen      a user was shown items of it
    clicked   a user clicked one
    refresh   what is logged is learned from, now and then

The serving process and the simulator (`bandits.simulation.worker`) both keep this one. Events come
in one thread, histories may be asked for by any; `refresh` may run in a thread of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence

from bandits.arms import Floats
from bandits.learning.user_effects import NO_EFFECTS, UserEffects, learn_effects
from bandits.learning.user_history import USERS_KEPT, Histories, History
from bandits.learning.user_log import DELAY_S, Offered, UserLog

# New impressions that are worth another fit: a share of those that there are, and as many at least.
AGAIN_SHARE, AGAIN = 0.2, 1000


class UserLearner:
    """Users, and what was learned of them.

    Parameters
    ----------
    delay_s
        How long a click is waited for before a slate is learned from, in seconds.
    users_kept
        Users with a history.

    Attributes
    ----------
    effects
        As of the last fit.

    """

    def __init__(self, delay_s: float = DELAY_S, users_kept: int = USERS_KEPT) -> None:
        self.effects: UserEffects = NO_EFFECTS
        self.histories = Histories(users_kept)
        self._log = UserLog(delay_s)
        self._lock = threading.Lock()  # of the log
        self._learned_at = 0  # rows

    def history(self, user: Hashable, now_s: float, n_items: int) -> History | None:
        """What is known of a user about the first items; None where nothing is."""
        found = self.histories.of(user, now_s)
        return None if found is None else found.among(n_items)

    def offered(self, slate: Hashable, offered: Offered, now_s: float) -> None:
        """A slate went out; one whose features all say nothing teaches nothing."""
        if offered.features.any():
            with self._lock:
                self._log.offered(slate, offered, now_s)

    def seen(self, slate: Hashable, user: Hashable, items: Sequence[int], now_s: float) -> None:
        """A user was shown items of a slate, from the top."""
        self.histories.seen(user, items, now_s)
        with self._lock:
            self._log.seen(slate, items)

    def clicked(self, slate: Hashable, user: Hashable, item: int) -> None:
        """A user clicked an item."""
        self.histories.clicked(user, item)
        with self._lock:
            self._log.clicked(slate, item)

    def refresh(self, now_s: float, examination: Floats | None = None) -> bool:
        """Take in what has waited long enough, and learn again if it is much; whether it was.

        Parameters
        ----------
        now_s
            Seconds, of the clock that the slates came by.
        examination
            (n_bands,) how often places are looked at; None: all alike.

        """
        with self._lock:
            self._log.settle(now_s)
            new = self._log.taken - self._learned_at
            if new < max(AGAIN, AGAIN_SHARE * self._log.rows):
                return False
            self._learned_at = self._log.taken
            rows = self._log.table(examination)
        self.effects = learn_effects(rows)
        return True
