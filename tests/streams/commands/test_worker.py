"""`worker`: Faust's own command line, with logging on."""

from __future__ import annotations

import sys

import pytest

from streams import cli
from streams.commands.worker import command_line

FAUST = [sys.executable, "-m", "faust", "-A", "streams.app", "worker"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["-l", "info"]),
        (["--web-port", "7000"], ["-l", "info", "--web-port", "7000"]),
        (["-l", "debug"], ["-l", "debug"]),
        (["--loglevel=warn"], ["--loglevel=warn"]),
        (["--help"], ["--help"]),
    ],
)
def test_arguments_go_to_faust_with_a_log_level_unless_one_is_chosen(
    arguments: list[str], expected: list[str]
) -> None:
    assert command_line(arguments) == [*FAUST, *expected]


def test_a_log_of_json_has_no_banner() -> None:
    assert command_line([], "json")[2:5] == ["faust", "--quiet", "-A"]


def test_the_process_is_replaced_so_that_signals_reach_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Replaced(Exception):
        pass

    def execv(path: str, command: list[str]) -> None:
        raise Replaced(path, command)

    monkeypatch.setattr("os.execv", execv)
    with pytest.raises(Replaced) as replaced:
        cli.main(["worker", "--without-web"], {})
    assert replaced.value.args == (sys.executable, [*FAUST, "-l", "info", "--without-web"])


def test_a_wrong_setting_ends_it_before_faust_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["worker"], {"SLATESTREAM_TOPIC_PARTITIONS": "many"}) == 2
    assert "SLATESTREAM_TOPIC_PARTITIONS: expected int" in capsys.readouterr().err
