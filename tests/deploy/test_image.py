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


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "deploy" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


healthcheck, pin = script("healthcheck"), script("pin")


def locked(name: str) -> dict[str, list[str]]:
    """Packages of a lock file, each with its hashes."""
    text = (ROOT / "deploy" / "requirements" / f"{name}.txt").read_text()
    return {
        found[1]: re.findall(r"--hash=sha256:[0-9a-f]{64}", found[0])
        for found in re.finditer(r"^([a-z0-9-]+)==.*(?:\n +.*)*", text, re.MULTILINE)
    }


@pytest.mark.parametrize("name", ["worker", "encoder", "torch", "build"])
def test_every_package_has_a_version_and_hashes(name: str) -> None:
    text = (ROOT / "deploy" / "requirements" / f"{name}.txt").read_text()
    packages = locked(name)
    assert packages
    assert all(packages.values())
    lines = [line for line in text.splitlines() if not line.startswith(" ")]
    assert len(lines) == len(re.findall(r"^[a-z0-9-]+==", text, re.MULTILINE))


def test_the_images_install_what_the_project_asks_for_and_no_more() -> None:
    worker, encoder = locked("worker"), locked("encoder")
    asked = {re.split(r"[<>=;\[ ]", each)[0] for each in PROJECT["dependencies"]}
    assert asked <= worker.keys()
    extra = {
        re.split(r"[<>=;\[ ]", each)[0] for each in PROJECT["optional-dependencies"]["encoder"]
    }
    assert extra <= encoder.keys() | locked("torch").keys()
    assert not worker.keys() & (extra | {"huggingface-hub", "requests", "httpx"})
    assert not encoder.keys() & locked("torch").keys()


def test_both_images_have_the_same_versions_of_what_they_share() -> None:
    worker, encoder = (
        re.findall(
            r"^[a-z0-9-]+==\S+",
            (ROOT / f"deploy/requirements/{each}.txt").read_text(),
            re.MULTILINE,
        )
        for each in ("worker", "encoder")
    )
    assert set(worker) <= set(encoder)


def test_pip_installs_nothing_without_its_hash() -> None:
    """But torch of an index that the builder names."""
    for text in (DOCKERFILE, ENCODER_FILE):
        for line in re.findall(r"pip .*install .*", text):
            assert "--require-hashes" in line or "--no-index" in line or "TORCH_INDEX" in line


def test_a_digest_goes_behind_the_tag_of_every_image_that_is_pulled() -> None:
    digest = "sha256:" + 64 * "a"
    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    asked: list[str] = []

    def digest_of(image: str) -> str:
        asked.append(image)
        return digest

    once = pin.pinned(DOCKERFILE, digest_of) + pin.pinned(compose, digest_of)
    assert once.count(f"@{digest}\n") == len(asked) == 4
    assert pin.pinned(once, lambda _: digest) == once
    assert not [each for each in asked if each.startswith("slatestream")]
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON}"}


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
        assert f"!{name}" in ignore or f"!{Path(name).parent}" in ignore
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
    command: str, environ: dict[str, str], asked: str | None
) -> None:
    assert healthcheck.address(command.split(), load_settings(environ)) == asked
    assert re.search(r"^COPY deploy/healthcheck.py (\S+)/$", DOCKERFILE, re.MULTILINE)
    assert 'CMD ["python", "/usr/local/lib/slatestream/healthcheck.py"]' in DOCKERFILE
    assert "HEALTHCHECK NONE" in ENCODER_FILE
