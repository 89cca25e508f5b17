"""Container file and compose file: what can be checked without a container engine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from streams.commands import COMMANDS
from streams.settings import SETTINGS

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
KNOWN = {setting.name for setting in SETTINGS}


def test_the_image_installs_no_extra_and_so_neither_torch_nor_transformers() -> None:
    assert "pip install --no-deps ." in DOCKERFILE
    assert not re.search(r"\.\[", DOCKERFILE)
    names = " ".join(PROJECT["dependencies"])
    assert "torch" not in names
    assert "transformers" not in names


def test_the_last_user_is_not_root_and_the_signal_reaches_the_worker() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users == ["10001:10001"]
    assert DOCKERFILE.rstrip().endswith(
        'CMD ["faust", "-A", "streams.app", "worker", "-l", "info"]'
    )


def test_everything_that_is_copied_exists_and_is_let_through() -> None:
    ignore = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+)", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignore
    packages = {each.rstrip("*") for each in ("streams*", "bandits*", "encoder*")}
    assert packages <= set(copied)


def test_compose_knows_every_setting_it_gives_and_every_command_it_runs() -> None:
    for name in ("topics", "worker"):
        service = COMPOSE["services"][name]
        assert set(service["environment"]) <= KNOWN
        assert service["image"] == f"slatestream:{PROJECT['version']}"
        assert (
            (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"])
            .resolve()
            .exists()
        )
    command = COMPOSE["services"]["topics"]["command"]
    assert command == ["slatestream", "topics", "create"]
    assert command[1] in {each.name for each in COMMANDS}


def test_compose_starts_the_broker_then_the_topics_then_the_worker() -> None:
    services = COMPOSE["services"]
    assert services["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services["worker"]["depends_on"] == {
        "topics": {"condition": "service_completed_successfully"}
    }
    listeners = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert services["worker"]["environment"]["KAFKA_BOOTSTRAP_SERVERS"] in listeners


def test_one_broker_can_hold_the_transactions() -> None:
    environment = COMPOSE["services"]["kafka"]["environment"]
    assert environment["KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"] == 1
    assert environment["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == 1
