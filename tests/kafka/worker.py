"""`python -m tests.kafka.worker`: a worker as `faust -A streams.app worker` starts it, with the
hooks and at most one mutant in it.

Environment: `CHAOS_CONTROL` is the control directory of the hooks, `CHAOS_MUTANT` the name of a
mutant, `CHAOS_SLOW_S` the seconds that an agent sleeps at every chunk (so that chunks wait in
queues when a generation ends). The settings are the product's own.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time

import streams.kafka.transaction
from streams.counting.chunk import Chunk
from streams.worker.engine import Engine
from tests.kafka.hooks import Trap, hooked_producer


def main() -> None:
    """Patch, then become Faust's command line."""
    streams.kafka.transaction.Producer = hooked_producer(
        Trap(pathlib.Path(os.environ["CHAOS_CONTROL"]))
    )  # type: ignore[attr-defined]
    slow_s = float(os.environ.get("CHAOS_SLOW_S", "0"))
    if slow_s:
        handle = Engine.handle

        async def slow(engine: Engine, chunk: Chunk) -> None:
            time.sleep(slow_s)
            await handle(engine, chunk)

        Engine.handle = slow  # type: ignore[method-assign,assignment]
    mutant = os.environ.get("CHAOS_MUTANT")
    if mutant:
        from tests.kafka.mutants import MUTANTS

        MUTANTS[mutant]()
    sys.argv = ["faust", "-A", "streams.app", "worker", "-l", "info"]
    from faust.cli.faust import cli

    cli()


if __name__ == "__main__":
    main()
