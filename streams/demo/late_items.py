"""Items that come at half time: sent to the topic `items` as any producer would, and watched in the
slates that learn (the holdback shows everything alike).

first_s      from the moment they are sent to the first slate with it that was answered
share        of all places since then
earned       clicks per 1,000 places of new items, and of the others since then
"""

from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from streams.demo.world import World
from streams.kafka.producer import EventSender

PER = 1_000


class Came(NamedTuple):
    """What became of them; see the module's docstring. `at_visit`: the first visit that was
    answered after they were sent; `shown` of `items` were in a slate, the first after `first_s`,
    half of all after `half_s`; None where so many never were.
    """

    items: int
    at_visit: int
    shown: int
    first_s: float | None
    half_s: float | None
    places: int
    share: float
    earned: float
    others_earned: float


class LateItems:
    """The late items of a world, before and after."""

    def __init__(self, world: World) -> None:
        self.sent = False
        self._world = world
        self._at_visit = 0
        self._at_s = 0.0
        self._first_s = np.full(len(world.late), np.nan)  # (n_items,)
        self._places = np.zeros(2, dtype=np.int64)  # of the others, of new items
        self._clicks = np.zeros(2, dtype=np.int64)

    def send(self, sender: EventSender, topic: str, visits: int, now_s: float) -> None:
        """Now they come."""
        self.sent, self._at_visit, self._at_s = True, visits, now_s
        for number in np.flatnonzero(self._world.late).tolist():
            item = self._world.items[number]
            sender.send(topic, item["item_id"].encode(), orjson.dumps(item))

    def seen(self, shown: NDArray[np.int64], clicked: NDArray[np.bool_], now_s: float) -> None:
        """A slate of these items (m,) was shown, and clicked (m,)."""
        if not self.sent:
            return
        new = self._world.late[shown]  # (m,)
        self._places += np.bincount(new, minlength=2)
        self._clicks += np.bincount(new[clicked], minlength=2)
        first = shown[new & np.isnan(self._first_s[shown])]
        self._first_s[first] = now_s - self._at_s

    def came(self, visits: int) -> Came:
        """What became of them, after so many visits."""
        first_s = np.sort(self._first_s[self._world.late])  # (n_late,) NaN last
        shown = int(np.isfinite(first_s).sum())
        half = (len(first_s) - 1) // 2
        earned = PER * self._clicks / np.maximum(self._places, 1)  # (2,)
        return Came(
            len(first_s),
            self._at_visit if self.sent else visits,
            shown,
            float(first_s[0]) if shown else None,
            float(first_s[half]) if shown > half else None,
            int(self._places[1]),
            float(self._places[1] / max(1, self._places.sum())),
            float(earned[1]),
            float(earned[0]),
        )
