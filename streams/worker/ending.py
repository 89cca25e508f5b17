"""Ending: how a worker ends when it cannot go on."""

import logging
import os
from collections.abc import Callable

log = logging.getLogger(__name__)

# EX_SOFTWARE: the supervisor starts a new process, which restores what the log says
EXIT_STATUS = 70


# what is done before the end, in order; each is short and raises nothing
before_end: list[Callable[[], object]] = []


def end_process(reason: str, status: int = EXIT_STATUS) -> None:
    """End now, without a flush: what was not committed is restored from the log by the next
    process, or by those who take over.
    """
    log.critical("%s", reason)
    for call in before_end:
        call()
    logging.shutdown()
    os._exit(status)
