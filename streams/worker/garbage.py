"""Garbage: Python's cycle collector goes round where it holds the event loop for a moment only.

Nothing here makes cycles per event, and slates in memory are a million objects that stay: what is
there after a flush is frozen (`gc.freeze`), so a collection looks at what has come since. Libraries
do make cycles now and then: once in `ALL_EVERY_S` everything is looked at.
"""

import gc
import time

ALL_EVERY_S = 3600.0
# A chunk is thousands of objects that reference counting frees: with Python's own thresholds (700,
# 10, 10) a third of the worker's time went into looking for cycles among them.
THRESHOLD = (100_000, 20, 100)


class Garbage:
    """The collector of one worker."""

    def __init__(self) -> None:
        self._all_at_s = time.monotonic() + ALL_EVERY_S
        gc.freeze()
        gc.set_threshold(*THRESHOLD)

    def flushed(self) -> None:
        """A flush is done."""
        if time.monotonic() > self._all_at_s:
            self._all_at_s = time.monotonic() + ALL_EVERY_S
            gc.unfreeze()
            gc.collect()
        gc.freeze()
