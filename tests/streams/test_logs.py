"""Lines of the log: one format, one line each, whatever is in them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from streams.logs import faust_config, formatter


def record(text: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = None if error is None else (type(error), error, None)
    return logging.LogRecord("some.library", logging.WARNING, "", 0, text, args, info)


@pytest.mark.parametrize("text", ['q"\\', "two\nlines", "\u2028\r\x00\x1b[31m", "\ud800", "ü"])
def test_a_line_of_json_is_one_line_whatever_is_in_it(text: str) -> None:
    line = formatter("json").format(record("found %s", text))
    assert len(line.splitlines()) == 1 or "\u2028" in line
    assert "\n" not in line
    found = json.loads(line)
    assert found["message"] == f"found {text}".replace("\ud800", "?")
    assert (found["level"], found["logger"]) == ("WARNING", "some.library")
    assert found["ts"].endswith("+00:00")


def test_an_exception_stands_in_the_line() -> None:
    found = json.loads(formatter("json").format(record("x", error=ValueError("two\nlines"))))
    assert "ValueError: two\nlines" in found["exception"]


def test_text_of_a_client_cannot_look_like_a_line_of_its_own() -> None:
    text = formatter("text").format(record("found %s", "x\n[2026-01-01] [1] [ERROR] forged"))
    assert [line[0] for line in text.splitlines()] == ["[", " "]


PROGRAM = """
import logging, threading, warnings
from faust.types import TP  # noqa: F401
from mode.utils.logging import setup_logging
from streams.logs import faust_config, log_the_rest
setup_logging(loglevel="info", logging_config=faust_config("json"))
log_the_rest()
logging.getLogger("aiokafka.client").error("of aiokafka")
logging.getLogger("mode").info("of mode %(a)s", {"a": 1})
logging.getLogger("aiohttp.server").debug("below the level")
warnings.warn("of Python")
thread = threading.Thread(target=lambda: 1 / 0, name="worker")
thread.start()
thread.join()
raise RuntimeError("the end")
"""


def test_every_library_and_what_ends_a_process_writes_the_same_format() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["logger"] for line in found] == [
        "aiokafka.client",
        "mode",
        "py.warnings",
        "streams.logs",
        "streams.logs",
    ]
    assert [line["message"] for line in found[:2]] == ["of aiokafka", "of mode 1"]
    assert "ZeroDivisionError" in found[3]["exception"]
    assert "RuntimeError: the end" in found[4]["exception"]


def test_faust_takes_text_as_well() -> None:
    assert faust_config("text")["formatters"]["default"]["log_format"] == "text"
