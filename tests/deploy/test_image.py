"""Container files: what can be checked without a container engine."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from streams.config import load_settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENCODER_FILE = (ROOT / "deploy" / "Dockerfile.encoder").read_text()


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


def test_the_labels_are_those_of_the_open_container_initiative() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', DOCKERFILE))
    assert labels["title"] == PROJECT["name"]
    assert labels["licenses"] == PROJECT["license"]
    given = {"version": "VERSION", "revision": "REVISION", "created": "CREATED"}
    for name, argument in given.items():
        assert labels[name] == f"${{{argument}}}"
        assert re.search(rf"^ARG {argument}=", DOCKERFILE, re.MULTILINE)
    assert f"ARG VERSION={PROJECT['version']}\n" in DOCKERFILE
    assert f"ARG WORKER=slatestream:{PROJECT['version']}\n" in ENCODER_FILE
    assert 'org.opencontainers.image.title="slatestream-encoder"' in ENCODER_FILE


@pytest.fixture(scope="module")
def healthcheck() -> ModuleType:
    spec = importlib.util.spec_from_file_location("healthcheck", ROOT / "deploy" / "healthcheck.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("command", "environ", "asked"),
    [
        ("faust -A streams.app worker -l info", {}, "http://127.0.0.1:6067/healthz"),
        (
            "faust -A streams.app worker -l info",
            {"SLATESTREAM_WORKER_HTTP_PORT": "7001"},
            "http://127.0.0.1:7001/healthz",
        ),
        ("slatestream serve", {"SLATESTREAM_HTTP_PORT": "7002"}, "http://127.0.0.1:7002/healthz"),
        ("tini -- slatestream serve", {}, "http://127.0.0.1:6066/healthz"),
        (
            "slatestream serve",
            {"SLATESTREAM_HTTP_HOST": "0.0.0.0"},
            "http://127.0.0.1:6066/healthz",
        ),
        (
            "slatestream serve",
            {"SLATESTREAM_HTTP_HOST": "10.0.0.7"},
            "http://10.0.0.7:6066/healthz",
        ),
        ("slatestream serve", {"SLATESTREAM_HTTP_HOST": "::1"}, "http://[::1]:6066/healthz"),
        ("slatestream topics create", {}, None),
    ],
)
def test_health_is_asked_at_the_port_of_what_runs(
    healthcheck: ModuleType, command: str, environ: dict[str, str], asked: str | None
) -> None:
    assert healthcheck.address(command.split(), load_settings(environ)) == asked
    assert re.search(r"^COPY deploy/healthcheck.py (\S+)/$", DOCKERFILE, re.MULTILINE)
    assert 'CMD ["python", "/usr/local/lib/slatestream/healthcheck.py"]' in DOCKERFILE
    assert "HEALTHCHECK NONE" in ENCODER_FILE
