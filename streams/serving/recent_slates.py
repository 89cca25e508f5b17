"""RecentSlates: slates served lately, as they were written, in a bounded memory; what was clicked
of them since. Any thread may ask.

A request that is sent again over HTTP gets its slate from here. Not promised: after a restart, from
another replica, or once newer slates have taken the room, it is a new request.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

OVERHEAD_BYTES = 400  # of the dict's entry, the ids and the object, besides the slate's own bytes


class SlateClick(Protocol):
    """What was clicked of which slate."""

    @property
    def slate_id(self) -> str:
        """Of which slate."""

    @property
    def item_id(self) -> str:
        """What."""


class Kept(NamedTuple):
    """One slate: whose, its JSON, and items that were clicked, in order."""

    user_id: str
    value: bytes
    clicked: list[str]


class RecentSlates:
    """The slate served last stands last; the oldest go first.

    Parameters
    ----------
    max_bytes
        Of all that is kept; 0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, slate_id: str, user_id: str, value: bytes) -> None:
        """Keep a slate; one that is known stays as it is."""
        with self._lock:
            if slate_id in self._kept:
                return
            self._kept[slate_id] = Kept(user_id, value, [])
            self._bytes += len(value) + OVERHEAD_BYTES
            while self._bytes > self._max_bytes:
                _oldest, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.value) + OVERHEAD_BYTES

    def get(self, slate_id: str) -> Kept | None:
        """A slate, None if it is not kept (any more)."""
        return self._kept.get(slate_id)

    def clicked(self, clicks: Iterable[SlateClick]) -> None:
        """Note clicks on slates that are kept."""
        for click in clicks:
            kept = self._kept.get(click.slate_id)
            if kept is not None and click.item_id not in kept.clicked and len(kept.clicked) < 100:
                kept.clicked.append(click.item_id)

    def __len__(self) -> int:
        return len(self._kept)
