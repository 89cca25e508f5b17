"""Logs: one format for every library in the process, as text or as JSON, on stderr.

    [2026-11-30 12:00:00,123] [4711] [WARNING] aiokafka.client: text
    {"ts":"2026-11-30T12:00:00.123+00:00","level":"WARNING","logger":"aiokafka.client",
     "process":4711,"message":"text"}         and "exception" with the traceback, where there is one

A line of text that goes on in further ones has them indented: what a client sends cannot look like
a line of its own. A line of JSON is one line.
"""

import datetime
import logging
import sys
import threading
from typing import Any

import orjson

FORMATS = ("text", "json")
_TEXT = "[%(asctime)s] [%(process)d] [%(levelname)s] %(name)s: %(message)s"

log = logging.getLogger(__name__)


class TextFormatter(logging.Formatter):
    """For people."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """The line, and what belongs to it indented."""
        return "\n    ".join(super().format(record).splitlines())


class JsonFormatter(logging.Formatter):
    """For programs."""

    def format(self, record: logging.LogRecord) -> str:
        """One object in one line."""
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "ts": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line).decode()
        except TypeError:  # a lone surrogate, from a file's name for instance
            plain = {name: _plain(value) for name, value in line.items()}
            return orjson.dumps(plain).decode()


def _plain(value: Any) -> Any:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def formatter(log_format: str) -> logging.Formatter:
    """The formatter of a `SLATESTREAM_LOG_FORMAT`."""
    return JsonFormatter() if log_format == "json" else TextFormatter()


def faust_config(log_format: str) -> dict[str, Any]:
    """Faust's `logging_config`: its own, with this formatter in place of each of its two."""
    ours = {"()": "streams.logs.formatter", "log_format": log_format}
    return {"merge": True, "formatters": {"default": ours, "colored": ours}}


def start_logging(log_format: str) -> None:
    """Set up the log of a process without Faust."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(log_format))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    log_the_rest()


def log_the_rest() -> None:
    """Warnings of Python, and what ends a thread or the process, are lines of the log, too."""
    logging.captureWarnings(True)

    def thread_ended(found: threading.ExceptHookArgs) -> None:
        if found.exc_value is not None and not isinstance(found.exc_value, SystemExit):
            name = "" if found.thread is None else found.thread.name
            log.error("thread %s has ended", name, exc_info=found.exc_value)

    def process_ends(_kind: object, error: BaseException, _trace: object) -> None:
        log.critical("the process ends", exc_info=error)

    threading.excepthook = thread_ended
    sys.excepthook = process_ends
