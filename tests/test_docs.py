"""The docs are true: commands exist and run, and every setting, topic, command and policy stands in
them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import streams
from bandits.policies.registry import POLICIES
from streams import cli
from streams.commands import COMMANDS
from streams.contract.topics import TOPICS
from streams.setting import known_names
from streams.settings import SETTINGS
from tests.cluster import free_ports

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = {path.name: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
ALL = README + "".join(PAGES.values())
OPERATIONS = PAGES["operations.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def marked(name: str) -> str:
    """The block under the comment `<!-- NAME: ... -->` of the README."""
    found = re.search(rf"<!-- {name}: .*? -->\n```\w+\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def shell_lines(text: str) -> Iterator[str]:
    """Commands of all shell blocks: in `console` those behind the prompt."""
    for language, body in BLOCK.findall(text):
        for line in body.replace("\\\n", " ").splitlines():
            if language == "console" and line.startswith("$ "):
                yield line[2:]
            elif language in ("sh", "bash", "shell"):
                yield line


def slatestream_calls(line: str) -> Iterator[list[str]]:
    """The arguments of each `slatestream` in a shell line."""
    words = shlex.split(line, comments=True)
    for start, word in enumerate(words):
        if word == "slatestream":
            rest = words[start + 1 :]
            ends = [
                n
                for n, each in enumerate(rest)
                if each in ("|", "&", "&&", ";", ">", "<") or each.startswith(("2>", ">"))
            ]
            yield rest[: ends[0]] if ends else rest


def test_every_slatestream_line_of_the_docs_is_accepted_by_the_command_line() -> None:
    calls = [
        call
        for text in (README, *PAGES.values())
        for line in shell_lines(text)
        for call in slatestream_calls(line)
    ]
    assert len(calls) > 5
    for call in calls:
        command = next((each for each in COMMANDS if each.name == call[0]), None)
        assert command is not None, call
        if not command.hands_on:
            cli.parser(command).parse_args(call)


def test_every_make_target_of_the_docs_exists_and_has_help() -> None:
    targets = dict(
        re.findall(r"^([a-z]+):.*?## *(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    used_in_text = re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z]+)", ALL)
    used = {
        *used_in_text,
        *re.findall(r"^(?:[A-Z_]+=\S+ )?make ([a-z]+)", "\n".join(shell_lines(ALL)), re.MULTILINE),
    }
    assert {"demo", "test"} <= used
    assert used <= set(targets)


def test_links_between_pages_lead_somewhere() -> None:
    for text in (README, *PAGES.values()):
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if not target.startswith("http"):
                places = (ROOT / target, ROOT / "docs" / target)
                assert any(place.exists() for place in places), target


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_stands_in_the_table_with_its_default(setting) -> None:
    row = re.search(rf"^\| `{setting.name}` \| (.*?) \| (.+) \|$", OPERATIONS, re.MULTILINE)
    assert row, setting.name
    default = "" if setting.default in (None, "", ()) else setting.default
    if isinstance(default, float):
        assert float(row[1]) == default
    else:
        assert row[1].strip() == str(default)


def test_no_setting_of_the_docs_is_unknown() -> None:
    named = set(re.findall(r"\b(?:SLATESTREAM|KAFKA)_[A-Z_]+[A-Z]\b", ALL))
    assert named <= known_names(SETTINGS) | {"KAFKA_HOME", "KAFKA_STREAMS_PEER"}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_stands_in_the_table_as_declared(topic) -> None:
    row = re.search(rf"^\| `{topic.name}` \| (.*) \|$", OPERATIONS, re.MULTILINE)
    assert row, topic.name
    key, cleanup, partitions, written_by, besides = [cell.strip() for cell in row[1].split("|")]
    assert (key, cleanup, written_by) == (topic.key, topic.cleanup, topic.written_by)
    assert partitions == (str(topic.partitions) if topic.partitions else "as set")
    assert set(re.findall(r"`([^`]+)`", besides)) == {
        f"{k}={v}" for k, v in topic.configs.items() if k != "cleanup.policy"
    }


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_stands_in_the_docs(command) -> None:
    assert f"| `slatestream {command.name}` |" in OPERATIONS


@pytest.mark.parametrize("policy", list(POLICIES))
def test_every_policy_stands_in_the_docs(policy: str) -> None:
    assert f"`{policy}`" in ALL


def test_every_metric_stands_in_the_docs_and_no_other() -> None:
    from streams.kafka.liveness import FLUSH, HEARTBEAT, POLL
    from streams.metrics import Metrics, ServingMetrics

    suffix = {"counter": "_total"}
    both = Metrics(), ServingMetrics()
    for metrics in both:
        metrics.group.watch(lambda _what: 0.0, POLL, FLUSH, HEARTBEAT)
    families = {
        family.name + suffix.get(family.type, "")
        for metrics in both
        for family in metrics.registry.collect()
        if family.name.startswith("slatestream_")
    }
    assert families == set(re.findall(r"`(slatestream_[a-z_]+)[`{]", OPERATIONS))


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version == streams.__version__
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
    assert (
        f"newTag: {version}"
        in (ROOT / "deploy" / "k8s" / "base" / "kustomization.yaml").read_text()
    )
    assert f"slatestream:{version}" in OPERATIONS


def test_the_first_screen_shows_the_two_commands_with_their_output() -> None:
    screen = README.splitlines()[:60]
    assert "$ make demo" in screen
    assert "$ make test" in screen
    output = screen[screen.index("$ make demo") + 1]
    assert "OUTPUT" not in README
    assert output


@contextlib.contextmanager
def background(line: str, env: dict[str, str], directory: Path) -> Iterator[None]:
    with (directory / f"{abs(hash(line))}.log").open("wb") as log:
        process = subprocess.Popen(
            shlex.split(line), env=env, cwd=directory, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.local
def test_the_walkthrough_and_the_shop_run_as_they_stand(tmp_path: Path) -> None:
    """Line by line; only the broker's port is another, since 9092 may be somebody's."""
    port, http_port, worker_port = free_ports(3)
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
        "SLATESTREAM_HTTP_PORT": str(http_port),
        "SLATESTREAM_WORKER_HTTP_PORT": str(worker_port),
    }

    def run(line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    outputs: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for line in marked("walkthrough").splitlines():
            command = line.partition(" #")[0].strip()
            if command.startswith("export "):
                env.update(pair.split("=", 1) for pair in shlex.split(command)[1:])
            elif command.endswith("&"):
                command = command.rstrip("& ").replace(
                    "slatestream broker", f"slatestream broker --port {port}"
                )
                stack.enter_context(background(command, env, tmp_path))
                _wait_for(port)
            else:
                if command.startswith("slatestream stats"):
                    time.sleep(3)  # flush interval, and time for a busy machine
                outputs[command.split("slatestream ")[1].split()[0]] = run(command)
        assert "segment shop" in outputs["request"]
        (counts,) = map(json.loads, outputs["stats"].splitlines())
        (promised,) = [body for language, body in BLOCK.findall(README) if language == "json"]
        assert counts == json.loads(promised)
        shop = tmp_path / "shop.py"
        shop.write_text(marked("shop"))
        run(f"{shlex.quote(sys.executable)} shop.py")
        time.sleep(3)
        after = {
            row["item_id"]: row
            for row in map(json.loads, run("slatestream stats export --segment shop").splitlines())
        }
        assert {item: row["impressions"] for item, row in after.items()} == {"mug": 2, "tea": 1}
        assert sum(row["clicks"] for row in after.values()) == 2


def _wait_for(port: int) -> None:
    import socket

    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert time.monotonic() < end
        time.sleep(0.1)
