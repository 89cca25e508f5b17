"""Hooks in a worker's flush, for harnesses only: the process kills or stops itself at an exact
step.

A file `armed` in the control directory says `POINT ACTION PASSES`: at the PASSES-th time that the
flush comes to POINT, the file is removed, `fired` is written, and the process sends itself SIGKILL
(`kill`) or SIGSTOP (`stop`). Points, with the step of `streams.counting.store` before them:

    begin       nothing yet
    rows        2, the log has the rows
    offsets     3, offsets are in the transaction
    deciding    3, the commit is asked for next: the same place, but for a mutant that does
                something in between
    committed   4, local disk does not know yet
"""

from __future__ import annotations

import os
import pathlib
import signal
from typing import Any

from confluent_kafka import Producer

POINTS = ("begin", "rows", "offsets", "deciding", "committed")
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Trap:
    """The control directory of one worker, from both sides."""

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.armed = directory / "armed"
        self.fired = directory / "fired"

    def arm(self, point: str, action: str, passes: int) -> None:
        """The next life of the worker, or this one, does `action` at `point`."""
        _write(self.armed, f"{point} {action} {passes}")

    def disarm(self) -> None:
        """Nothing happens any more; what has fired is forgotten."""
        self.armed.unlink(missing_ok=True)
        self.fired.unlink(missing_ok=True)

    def reached(self, point: str) -> None:
        """In the worker: the flush is at `point`."""
        try:
            wanted, action, passes = self.armed.read_text().split()
        except FileNotFoundError:
            return
        if wanted != point:
            return
        if int(passes) > 1:
            self.arm(point, action, int(passes) - 1)
            return
        self.armed.unlink()
        _write(self.fired, f"{point} {action}")
        os.kill(os.getpid(), SIGNALS[action])


def _write(path: pathlib.Path, text: str) -> None:
    """All of it at once: the other side looks at any time."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    os.replace(aside, path)


def hooked_producer(trap: Trap) -> type[Producer]:
    """A transactional producer that tells the trap where the flush is."""

    class HookedProducer(Producer):
        def begin_transaction(self, *args: Any) -> None:
            trap.reached("begin")
            super().begin_transaction(*args)

        def send_offsets_to_transaction(self, *args: Any) -> None:
            trap.reached("rows")
            super().send_offsets_to_transaction(*args)
            trap.reached("offsets")

        def commit_transaction(self, *args: Any) -> None:
            trap.reached("deciding")
            super().commit_transaction(*args)
            trap.reached("committed")

    return HookedProducer
