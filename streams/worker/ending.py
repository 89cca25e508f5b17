"""Ending: how a worker ends when it cannot go on."""

import logging
import os

log = logging.getLogger(__name__)

# EX_SOFTWARE: the supervisor starts a new process, which restores what the log says
EXIT_STATUS = 70


def end_process(reason: str, status: int = EXIT_STATUS) -> None:
    """End now, without a flush: what was not committed is restored from the log by the next
    process.
    """
    log.critical("%s", reason)
    logging.shutdown()
    os._exit(status)
