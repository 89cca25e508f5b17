"""The command line: exit statuses, one-line errors, and only the chosen command's module."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streams import __version__, cli
from streams.commands import COMMANDS, CommandError


def run(*arguments: str, **environ: str) -> int:
    return cli.main(list(arguments), environ)


@pytest.mark.parametrize(
    "arguments",
    [[], ["bogus"], ["topics"], ["topics", "destroy"], ["request"], ["produce", "slates"]],
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert "usage: slatestream" in capsys.readouterr().err


def test_a_misspelt_setting_ends_with_2_and_names_the_right_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("slates", SLATESTREAM_TOPIC_PREFX="a.") == 2
    assert capsys.readouterr().err == (
        "slatestream: unknown setting SLATESTREAM_TOPIC_PREFX: did you mean "
        "SLATESTREAM_TOPIC_PREFIX?\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["request", "--user", "u", "--k", "101"], "field `k`"),
        (["request", "--user", "", "--k", "5"], "field `user_id`"),
        (
            ["request", "--user", "u", "--context", "age"],
            "expected --context FIELD=VALUE, found 'age'",
        ),
        (["produce", "clicks", "--withdraw"], "only items can be withdrawn"),
    ],
)
def test_arguments_out_of_range_end_with_2_before_any_broker_is_asked(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1") == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_no_broker_is_one_line_that_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.kafka.client.connect.__defaults__", (0.3,))
    assert run("topics", "check", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1") == 1
    error = capsys.readouterr().err
    assert error.startswith(
        "slatestream: expected a Kafka broker at 127.0.0.1:1 (PLAINTEXT), found no usable answer"
    )
    assert error.endswith("start one (`slatestream broker`) or set KAFKA_BOOTSTRAP_SERVERS\n")
    assert error.count("\n") == 1


def test_ctrl_c_is_130_and_an_unexpected_error_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    def broken(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("streams.commands.slates.run", interrupted)
    assert run("slates") == 130
    monkeypatch.setattr("streams.commands.slates.run", broken)
    with pytest.raises(ZeroDivisionError):
        run("slates")


def test_an_expected_failure_of_several_lines_is_said_on_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failed(*_: object) -> int:
        msg = "expected a,\n  found b"
        raise CommandError(msg)

    monkeypatch.setattr("streams.commands.slates.run", failed)
    assert run("slates") == 1
    assert capsys.readouterr().err == "slatestream: expected a, found b\n"


def test_a_reader_of_the_pipe_that_has_seen_enough_is_no_failure() -> None:
    code = (
        "import sys; from streams import cli; from streams.commands import slates\n"
        "from streams.commands.output import json_line, out\n"
        "def many(*_):\n"
        "    for n in range(100_000): json_line({'n': n}) if sys.argv[1] == 'json' else "
        "out().print(n)\n"
        "slates.run = many\n"
        "sys.exit(cli.main(['slates'], {}))"
    )
    for form in ("json", "text"):
        with subprocess.Popen(
            [sys.executable, "-c", code, form],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            assert writer.stderr is not None
            writer.stdout.readline()
            writer.stdout.close()
            assert writer.stderr.read() == ""
        assert writer.returncode == 0


def test_a_policy_file_that_cannot_be_used_and_a_taken_port_end_serving_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("no_such_key = 1\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run("serve", SLATESTREAM_HTTP_PORT=port) == 2
        said = capsys.readouterr().err
        assert f"SLATESTREAM_HTTP_PORT: expected a port that is free, found {port}" in said
    assert run("serve", SLATESTREAM_POLICY_FILE=str(file), SLATESTREAM_HTTP_PORT=port) == 2
    assert "no_such_key" in capsys.readouterr().err


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--version")
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"slatestream {__version__}\n"


def test_help_is_one_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        run("--help")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_completes_every_command_and_its_options(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--completion", shell)
    assert ended.value.code == 0
    script = capsys.readouterr().out
    for command in COMMANDS:
        assert command.name in script
    for option in ("--resend", "--explain", "--candidates"):
        assert option in script or option.removeprefix("--") in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_what_begins_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--completion", "bash")
    script = capsys.readouterr().out
    asks = (
        "COMP_WORDS=(slatestream dead-letters --re); COMP_CWORD=2; "
        '_shtab_slatestream; echo "$COMPREPLY"'
    )
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{asks}"], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "--resend"


@pytest.mark.parametrize("command", [each.name for each in COMMANDS if not each.hands_on])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(command, "--help")
    assert ended.value.code == 0
    assert f"usage: slatestream {command}" in capsys.readouterr().out


def test_the_module_form_lists_every_command_and_imports_none_of_them() -> None:
    code = (
        "import sys, contextlib; from streams.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'], {})\n"
        "sys.exit(int('confluent_kafka' in sys.modules or 'numpy' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [sys.executable, "-m", "streams", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in COMMANDS:
        assert f"\n    {command.name} " in listed
