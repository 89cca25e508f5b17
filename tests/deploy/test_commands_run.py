"""Every command of the compose file and of the manifests runs, without a container: the entry
points that the image installs, in the environment that the pod would have.

Only what a machine must differ in is put in its place: brokers, one replica, ports, directories,
and a prefix of topics. The images of others (Apache Kafka, Prometheus, Grafana) are left out.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.cluster import free_ports
from tests.deploy.binaries import needs_kubectl
from tests.deploy.rendering import one, pods, render, settings_data
from tests.deploy.test_compose import OURS, SERVICES, environment
from tests.encoder.making import catalogue, tiny_teacher
from tests.streams.topics_on import until

pytestmark = [pytest.mark.kafka, needs_kubectl]
ROOT = Path(__file__).parents[2]
DIRECTORIES = ("/data", "/releases", "/work", "/etc/slatestream")


class Container(NamedTuple):
    """What starts in it, and with which variables."""

    command: list[str]
    environ: dict[str, str]


def of_image(name: str) -> Container:
    """`CMD` and `ENV` of a container file, with those of the file that it builds upon."""
    text = (ROOT / "deploy" / name).read_text().replace("\\\n", " ")
    base = of_image("Dockerfile") if name != "Dockerfile" else Container([], {})
    environ = dict(base.environ)
    for line in re.findall(r"^ENV (.+)", text, re.MULTILINE):
        environ |= dict(re.findall(r"(\w+)=(\S+)", line))
    environ.pop("PATH", None)
    (command,) = re.findall(r"^CMD (\[.+\])", text, re.MULTILINE)
    return Container(yaml.safe_load(command), environ)


def of_compose() -> dict[str, Container]:
    found = {}
    for name in OURS:
        image = of_image("Dockerfile.encoder" if name == "encoder" else "Dockerfile")
        command = SERVICES[name].get("command", image.command)
        found[name] = Container(command, image.environ | environment(name))
    return found


def of_manifests() -> dict[str, Container]:
    made = render("base")
    found = {}
    for pod in pods(made):
        for each in pod["containers"]:
            encoder = each["image"].startswith("slatestream-encoder")
            image = of_image("Dockerfile.encoder" if encoder else "Dockerfile")
            own = (
                {entry["name"]: entry.get("value", "slatestream-worker-0") for entry in each["env"]}
                if "env" in each
                else {}
            )
            environ = image.environ | settings_data(made) | own
            found[each["name"]] = Container(each["command"], environ)
    return found


class House:
    """One machine that stands in for all nodes."""

    def __init__(self, directory: Path, bootstrap: str, prefix: str) -> None:
        self.directory = directory
        self.changed = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "SLATESTREAM_TOPIC_PREFIX": prefix,
            "SLATESTREAM_TOPIC_REPLICATION": "1",
        }
        self.started: list[subprocess.Popen[bytes]] = []
        for each in DIRECTORIES:
            (directory / each.strip("/")).mkdir(parents=True)
        policy = one(render("base"), "ConfigMap", "slatestream-policy")["data"]["policy.toml"]
        self.place("/etc/slatestream/policy.toml").write_text(policy)

    def place(self, path: str) -> Path:
        return self.directory / path.strip("/")

    def put(self, text: str) -> str:
        """A word with the directories of the container in their places."""
        return re.sub(rf"(^|=)({'|'.join(DIRECTORIES)})\b", rf"\1{self.directory}\2", text)

    def start(self, container: Container, name: str, **more: str) -> subprocess.Popen[bytes]:
        environ = {key: self.put(value) for key, value in container.environ.items()}
        environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | environ | self.changed
        words = [self.put(word) for word in container.command]
        program = shutil.which(words[0], path=sysconfig.get_path("scripts"))
        assert program is not None, f"{words[0]}: no entry point of this project"
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, program, *words[1:]],
                env=environ | more,
                cwd=self.place("/data"),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self.started.append(process)
        return process

    def run(self, container: Container, name: str) -> int:
        return self.start(container, name).wait(240)

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()


@pytest.fixture
def house(tmp_path: Path, kafka: str) -> Iterator[House]:
    made = House(tmp_path, kafka, f"run-{time.time():.0f}-{tmp_path.name[-3:]}.")
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
            process.wait()


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def health(house: House, container: Container, port: dict[str, str]) -> int:
    """The image's HEALTHCHECK, which looks at what runs as process 1."""
    script = ROOT / "deploy" / "healthcheck.py"
    code = (
        f"import os, runpy, urllib.request; check = runpy.run_path({str(script)!r}); "
        f"address = check['address']({container.command!r}, check['load_settings'](os.environ)); "
        "urllib.request.urlopen(address)"
    )
    environ = {key: house.put(value) for key, value in container.environ.items()}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environ | house.changed | port, check=False
    )
    return done.returncode


@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", [of_compose, of_manifests])
def test_every_command_runs_in_its_environment(
    source: Callable[[], dict[str, Container]], house: House
) -> None:
    containers = source()
    assert house.run(containers["topics"], "topics") == 0, house.log("topics")
    assert house.run(containers["topics"], "again") == 0  # applied again: nothing is left to make
    running = []
    names = [name for name in containers if name.startswith(("worker", "serving"))]
    for name, port in zip(names, free_ports(len(names)), strict=True):
        setting = "SLATESTREAM_HTTP_PORT" if "serving" in name else "SLATESTREAM_WORKER_HTTP_PORT"
        data = house.directory / "volumes" / name  # its own, as in both files
        own = {setting: str(port), "SLATESTREAM_DATA_DIR": str(data)}
        running.append((name, port, own, house.start(containers[name], name, **own)))
    for name, port, own, process in running:
        until(lambda p=port, q=process: answers(p, "/readyz") or q.poll() is not None, 240)
        assert process.poll() is None, house.log(name)
        assert answers(port, "/healthz")
        assert health(house, containers[name], own) == 0
    refresh(containers.get("encoder") or containers["refresh"], house)
    for _name, _port, _own, process in running:
        process.send_signal(signal.SIGTERM)
    for name, _port, _own, process in running:
        assert process.wait(120) == 0, house.log(name)


def refresh(container: Container, house: House) -> None:
    """Without a plan it trains for hours: here it says that there is nothing to train on. With one
    it makes a release, by a plan that takes seconds.
    """
    if "--plan=/etc/slatestream/refresh.toml" not in container.command:
        assert house.run(container, "encoder") == 1
        assert "expected at least one item" in house.log("encoder")
        return
    teacher = tiny_teacher(house.directory / "teacher")
    plan = house.place("/etc/slatestream/refresh.toml")
    plan.write_text(f'teacher = "{teacher}"\nmethod = "quick"\n[quick]\ndim = 8\n')
    items = house.directory / "items.jsonl"
    items.write_text("\n".join(str(each).replace("'", '"') for each in catalogue(30)))
    produce = shlex.split(f"slatestream produce items {items}")
    assert house.run(Container(produce, container.environ), "produce") == 0, house.log("produce")
    assert house.run(container, "encoder") == 0, house.log("encoder")
    assert list(house.place("/releases").glob("static-8-*/manifest.json"))
