"""The compose file: what can be checked without a container engine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.commands import COMMANDS
from streams.config import load_settings
from streams.setting import known_names
from streams.settings import SETTINGS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
WORKERS, SERVING = ("worker-1", "worker-2"), ("serving-1", "serving-2")
OURS = ("topics", "encoder", *WORKERS, *SERVING)


def environment(name: str) -> dict[str, str]:
    """As it is without variables of the one who starts it."""
    found: dict[str, str] = SERVICES[name]["environment"]
    return {key: re.sub(r"\$\{\w+:-\}", "", str(value)) for key, value in found.items()}


@pytest.mark.parametrize("name", OURS)
def test_every_setting_exists_and_every_image_can_be_built(name: str) -> None:
    service = SERVICES[name]
    assert set(service["environment"]) <= known_names(SETTINGS)
    load_settings(environment(name))
    assert service["image"].removesuffix(f":{VERSION}") in ("slatestream", "slatestream-encoder")
    build = service["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve().exists()


@pytest.mark.parametrize("name", ["topics", *SERVING])
def test_every_command_exists(name: str) -> None:
    command = SERVICES[name]["command"]
    assert command[0] == "slatestream"
    assert command[1] in {each.name for each in COMMANDS}


def test_the_broker_starts_then_the_topics_then_the_rest() -> None:
    assert SERVICES["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    for name in (*WORKERS, *SERVING, "encoder"):
        assert SERVICES[name]["depends_on"] == {
            "topics": {"condition": "service_completed_successfully"}
        }
    listeners = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    for name in OURS:
        assert environment(name)["KAFKA_BOOTSTRAP_SERVERS"] in listeners


def test_workers_have_a_name_and_a_volume_of_their_own_and_do_not_serve() -> None:
    for name in WORKERS:
        settings = load_settings(environment(name))
        assert settings.worker_name == name
        assert settings.serving == "off"
    assert len({tuple(SERVICES[name]["volumes"]) for name in WORKERS}) == len(WORKERS)


def test_serving_processes_listen_for_others_and_read_the_releases() -> None:
    for name in SERVING:
        assert load_settings(environment(name)).http_host == "0.0.0.0"
        assert SERVICES[name]["volumes"] == ["releases:/releases:ro"]
    assert "releases:/releases" in SERVICES["encoder"]["volumes"]


def test_there_is_time_to_flush_before_a_kill() -> None:
    for name in (*WORKERS, *SERVING):
        grace_s = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace_s > load_settings(environment(name)).shutdown_timeout_s


def test_nothing_listens_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_one_broker_can_hold_the_transactions() -> None:
    broker = SERVICES["kafka"]["environment"]
    assert broker["KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"] == 1
    assert broker["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == 1


def test_prometheus_reads_every_process_at_its_port() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    targets = {
        job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]
    }
    assert targets == {
        "worker": [
            f"{name}:{load_settings(environment(name)).worker_http_port}" for name in WORKERS
        ],
        "serving": [f"{name}:{load_settings(environment(name)).http_port}" for name in SERVING],
    }
    assert all((DEPLOY / "prometheus" / name).exists() for name in config["rule_files"])


def test_every_file_and_volume_that_is_mounted_exists() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (DEPLOY / source).exists() if "/" in source else source in COMPOSE["volumes"]


def test_grafana_finds_its_dashboard_and_its_data() -> None:
    mounted = dict(each.split(":")[:2] for each in SERVICES["grafana"]["volumes"])
    provider = yaml.safe_load((DEPLOY / "grafana" / "dashboards.yaml").read_text())["providers"][0]
    path = mounted["./grafana/slatestream.json"]
    assert str(Path(path).parent) == provider["options"]["path"]
    assert path == SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    source = yaml.safe_load((DEPLOY / "grafana" / "datasource.yaml").read_text())["datasources"][0]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
