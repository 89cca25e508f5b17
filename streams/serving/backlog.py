"""Backlog: slate requests that were read and are not answered, in which users take turns; bounded.

Who asks waits for one request of each other user, not for all that somebody has sent. A record is
not looked into before its turn: a flood is read as fast as it comes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from streams.contract.events import SlateRequest
from streams.serving.fair_queue import FairQueue
from streams.serving.offsets import Opened
from streams.serving.reply_headers import ReplyTo

MOST, MOST_BYTES = 5000, 64_000_000


class Read(NamedTuple):
    """A record that was read."""

    record: Any
    opened: Opened


class Asked(NamedTuple):
    """A request with the record it came in."""

    request: SlateRequest
    opened: Opened
    sent_s: float  # time of the record
    reply: ReplyTo | None


class Backlog:
    """Of one thread."""

    def __init__(self) -> None:
        self._queue: FairQueue[Read] = FairQueue()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def room(self) -> int:
        """How many more may be read; one may be too large by one record."""
        return MOST - len(self._queue) if self._bytes < MOST_BYTES else 0

    def put(self, record: Any, opened: Opened) -> None:
        """A record has come; its key is the user."""
        self._bytes += _size(record)
        user = (record.key() or b"").decode(errors="replace")
        self._queue.put(user, Read(record, opened))

    def take(self) -> Read | None:
        """The next one."""
        read = self._queue.take()
        if read is not None:
            self._bytes -= _size(read.record)
        return read

    def take_all(self, which: Callable[[int], bool]) -> list[Read]:
        """All of these partitions, as they would have come."""
        found = self._queue.take_all(lambda read: which(read.opened.partition))
        self._bytes -= sum(_size(read.record) for read in found)
        return found


def _size(record: Any) -> int:
    return len(record.value() or b"")
