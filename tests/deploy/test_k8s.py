"""The Kustomize base: valid for Kubernetes' own schemas, and right in what only this
project knows.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bandits.slates.config import DEFAULT
from bandits.slates.config_file import parse_config
from streams.config import load_settings
from streams.settings import SETTINGS

BASE = Path(__file__).parents[2] / "deploy" / "k8s"
VERSIONS = ("1.30", kubernetes_validate.latest_version())
KNOWN = {setting.name for setting in SETTINGS}

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed; it renders the base"
)


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    done = subprocess.run(
        ["kubectl", "kustomize", str(BASE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))


def one(rendered: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [
        each
        for each in rendered
        if each["kind"] == kind and each["metadata"]["name"].startswith(name)
    ]
    return found


def pods(rendered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pod specification of everything that runs pods."""
    specs = [
        each["spec"] for each in rendered if each["kind"] in ("StatefulSet", "Job", "Deployment")
    ]
    specs += [each["spec"]["jobTemplate"]["spec"] for each in rendered if each["kind"] == "CronJob"]
    return [spec["template"]["spec"] for spec in specs]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_fits_the_schema_of(version: str, rendered: list[dict[str, Any]]) -> None:
    for resource in rendered:
        kubernetes_validate.validate(resource, version, strict=True)


def test_every_file_of_the_base_is_part_of_it() -> None:
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    generated = [
        name
        for each in kustomization["configMapGenerator"]
        for name in each.get("envs", []) + each.get("files", [])
    ]
    files = {path.name for path in BASE.iterdir()} - {"kustomization.yaml"}
    assert files == set(kustomization["resources"]) | set(generated)


def test_the_settings_load_and_the_policy_is_the_default_mix(
    rendered: list[dict[str, Any]],
) -> None:
    data = one(rendered, "ConfigMap", "slatestream-settings")["data"]
    settings = load_settings(data)
    worker = one(rendered, "StatefulSet", "slatestream-worker")["spec"]["template"]["spec"]
    serving = one(rendered, "Deployment", "slatestream-serving")["spec"]["template"]["spec"]
    for pod in (worker, serving):
        assert pod["terminationGracePeriodSeconds"] > settings.shutdown_timeout_s
        mounts = {
            mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]
        }
        assert settings.policy_file is not None
        assert mounts[str(settings.policy_file.parent)] == "policy"
    assert str(settings.releases_dir) in mounts  # of serving
    assert (
        parse_config(one(rendered, "ConfigMap", "slatestream-policy")["data"]["policy.toml"])
        == DEFAULT
    )


def test_no_pod_gets_a_setting_that_does_not_exist(rendered: list[dict[str, Any]]) -> None:
    """A name that is not known ends a worker; the links of a Service called `slatestream` would be
    such names.
    """
    for pod in pods(rendered):
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            names = {entry["name"] for entry in container.get("env", [])}
            assert {name for name in names if name.startswith("SLATESTREAM_")} <= KNOWN


def test_a_worker_keeps_its_name_and_its_volume_over_a_restart(
    rendered: list[dict[str, Any]],
) -> None:
    spec = one(rendered, "StatefulSet", "slatestream-worker")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    env = {entry["name"]: entry for entry in container["env"]}
    assert env["SLATESTREAM_WORKER_NAME"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    (claim,) = spec["volumeClaimTemplates"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted[claim["metadata"]["name"]] == env["SLATESTREAM_DATA_DIR"]["value"]
    assert container["command"] == ["faust", "-A", "streams.app", "worker", "-l", "info"]


def test_workers_count_and_serving_processes_answer(rendered: list[dict[str, Any]]) -> None:
    """Each on its own port, and the serving ones for others than themselves."""
    (worker,) = one(rendered, "StatefulSet", "slatestream-worker")["spec"]["template"]["spec"][
        "containers"
    ]
    (serving,) = one(rendered, "Deployment", "slatestream-serving")["spec"]["template"]["spec"][
        "containers"
    ]
    env = {entry["name"]: entry.get("value") for entry in worker["env"]}
    assert env["SLATESTREAM_SERVING"] == "off"
    assert serving["command"] == ["slatestream", "serve"]
    assert {entry["name"]: entry["value"] for entry in serving["env"]} == {
        "SLATESTREAM_HTTP_HOST": "0.0.0.0"
    }
    settings = load_settings(one(rendered, "ConfigMap", "slatestream-settings")["data"])
    assert worker["ports"][0]["containerPort"] == settings.worker_http_port
    assert serving["ports"][0]["containerPort"] == settings.http_port


@pytest.mark.parametrize(
    ("kind", "name"),
    [("StatefulSet", "slatestream-worker"), ("Deployment", "slatestream-serving")],
)
def test_liveness_asks_for_life_and_readiness_for_what_it_needs(
    rendered: list[dict[str, Any]], kind: str, name: str
) -> None:
    (container,) = one(rendered, kind, name)["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_pods_run_without_root_and_without_rights(rendered: list[dict[str, Any]]) -> None:
    for pod in pods(rendered):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"]["drop"] == ["ALL"]
            assert "limits" in container["resources"]


def test_credentials_are_referred_to_and_never_contained(rendered: list[dict[str, Any]]) -> None:
    assert not [each for each in rendered if each["kind"] == "Secret"]
    secrets = {setting.name for setting in SETTINGS if setting.secret} | {"KAFKA_SASL_USERNAME"}
    for each in rendered:
        assert not secrets & set(each.get("data", {}))
    for pod in pods(rendered):
        for container in pod["containers"]:
            assert {
                "secretRef": {"name": "slatestream-credentials", "optional": True}
            } in container["envFrom"]


@pytest.mark.parametrize(
    ("kind", "name", "services"),
    [
        ("StatefulSet", "slatestream-worker", ["slatestream-worker"]),
        ("Deployment", "slatestream-serving", ["slatestream"]),
    ],
)
def test_drains_and_selectors_meet_their_pods(
    rendered: list[dict[str, Any]], kind: str, name: str, services: list[str]
) -> None:
    labels = one(rendered, kind, name)["spec"]["template"]["metadata"]["labels"]
    budget = one(rendered, "PodDisruptionBudget", name)["spec"]
    mine = [
        each["metadata"]["name"]
        for each in rendered
        if each["kind"] == "Service" and each["spec"]["selector"].items() <= labels.items()
    ]
    assert mine == services
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    assert budget["maxUnavailable"] == 1
