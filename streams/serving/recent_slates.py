"""RecentSlates: slates served lately, as they were written, in a bounded memory. Any
thread may ask.

A request that is sent again over HTTP gets its slate from here. Not promised: after a restart, from
another replica, or once newer slates have taken the room, it is a new request.
"""

import itertools
import threading
from collections import OrderedDict
from typing import NamedTuple

OVERHEAD_BYTES = 400  # of the dict's entry, the ids and the object, besides slate and request


class Kept(NamedTuple):
    """One slate: whose, its JSON, and that of its request."""

    user_id: str
    value: bytes
    request: bytes

    def bytes(self) -> int:
        """What it takes."""
        return len(self.value) + len(self.request) + OVERHEAD_BYTES


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

    def put(self, slate_id: str, user_id: str, value: bytes, request: bytes) -> None:
        """Keep a slate; one that is known stays as it is."""
        with self._lock:
            if slate_id in self._kept:
                return
            kept = self._kept[slate_id] = Kept(user_id, value, request)
            self._bytes += kept.bytes()
            while self._bytes > self._max_bytes:
                _oldest, gone = self._kept.popitem(last=False)
                self._bytes -= gone.bytes()

    def get(self, slate_id: str) -> Kept | None:
        """A slate, None if it is not kept (any more)."""
        return self._kept.get(slate_id)

    def last(self, limit: int) -> list[Kept]:
        """The last ones, the newest first."""
        with self._lock:
            return list(itertools.islice(reversed(self._kept.values()), limit))

    def __len__(self) -> int:
        return len(self._kept)
