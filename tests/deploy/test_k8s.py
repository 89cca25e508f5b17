"""The Kustomize base and its overlays: valid for Kubernetes' own schemas, and right in what only
this project knows.
"""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from bandits.slates.config import DEFAULT
from bandits.slates.config_file import parse_config
from streams.config import load_settings
from streams.settings import SETTINGS
from tests.deploy.binaries import needs_kubectl
from tests.deploy.rendering import (
    BASE,
    COMBINATIONS,
    CUSTOM,
    K8S,
    KNOWN,
    LAYERS,
    Resources,
    of_kind,
    one,
    pods,
    render,
    settings_data,
)

VERSIONS = ("1.30", kubernetes_validate.latest_version())

pytestmark = needs_kubectl


@pytest.fixture(scope="module", params=LAYERS)
def rendered(request: pytest.FixtureRequest) -> Resources:
    return render(request.param)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_fits_the_schema_of(version: str, rendered: Resources) -> None:
    for resource in rendered:
        if not resource["apiVersion"].startswith(CUSTOM):
            kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("layer", ["base", "overlays/production"])
@pytest.mark.parametrize("components", COMBINATIONS, ids="+".join)
def test_every_component_renders_and_fits_the_schema(
    layer: str, components: tuple[str, ...]
) -> None:
    if layer == "overlays/production":
        components = tuple(each for each in components if each != "keda")  # it is in there
    for resource in render(layer, *components):
        if not resource["apiVersion"].startswith(CUSTOM):
            kubernetes_validate.validate(resource, "1.30", strict=True)


def test_every_component_is_tried() -> None:
    tried = {each for components in COMBINATIONS for each in components}
    assert tried == {path.name for path in (K8S / "components").iterdir()}


@pytest.mark.parametrize(
    "directory",
    [BASE, *sorted((K8S / "overlays").iterdir()), *sorted((K8S / "components").iterdir())],
    ids=lambda path: path.name,
)
def test_every_file_is_part_of_its_kustomization(directory: Any) -> None:
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    used = [
        name
        for each in kustomization.get("configMapGenerator", [])
        for name in each.get("envs", []) + each.get("files", [])
    ]
    used += kustomization.get("configurations", [])
    used += [each["path"] for each in kustomization.get("patches", []) if "path" in each]
    used += [each for each in kustomization.get("resources", []) if each.endswith(".yaml")]
    files = {path.name for path in directory.iterdir()} - {"kustomization.yaml"}
    assert files == set(used)


def test_another_setting_is_another_topics_job() -> None:
    """A job cannot be changed: `kubectl apply` of the same name with other contents is refused."""
    names = {
        one(render(literals=literals), "Job")["metadata"]["name"]
        for literals in ((), ("SLATESTREAM_TOPIC_PARTITIONS=24",))
    }
    assert len(names) == 2
    for literals in ((), ("SLATESTREAM_TOPIC_PARTITIONS=24",)):
        made = render(literals=literals)
        settings = one(made, "ConfigMap", "slatestream-settings")
        assert one(made, "Job")["metadata"]["name"] == settings["metadata"]["name"]
    assert one(render(), "Job")["spec"]["ttlSecondsAfterFinished"] <= 600


def test_the_settings_load_and_the_policy_is_the_default_mix(
    rendered: Resources,
) -> None:
    settings = load_settings(settings_data(rendered))
    worker = one(rendered, "StatefulSet", "slatestream-worker")["spec"]["template"]["spec"]
    serving = one(rendered, "Deployment", "slatestream-serving")["spec"]["template"]["spec"]
    for pod in (worker, serving):
        assert pod["terminationGracePeriodSeconds"] > settings.shutdown_timeout_s
        mounts = {
            mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]
        }
        assert settings.policy_file is not None
        assert mounts[str(settings.policy_file.parent)] == "policy"
    assert (
        parse_config(one(rendered, "ConfigMap", "slatestream-policy")["data"]["policy.toml"])
        == DEFAULT
    )


def test_no_pod_gets_a_setting_that_does_not_exist(rendered: Resources) -> None:
    """A name that is not known ends a worker; the links of a Service called `slatestream` would be
    such names.
    """
    data = settings_data(rendered)
    assert set(data) <= KNOWN
    for pod in pods(rendered):
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            names = {entry["name"] for entry in container.get("env", [])}
            assert {name for name in names if name.startswith("SLATESTREAM_")} <= KNOWN


def test_a_worker_keeps_its_name_and_its_volume_over_a_restart(
    rendered: Resources,
) -> None:
    spec = one(rendered, "StatefulSet", "slatestream-worker")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    env = {entry["name"]: entry for entry in container["env"]}
    assert env["SLATESTREAM_WORKER_NAME"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    (claim,) = spec["volumeClaimTemplates"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted[claim["metadata"]["name"]] == env["SLATESTREAM_DATA_DIR"]["value"]
    assert container["command"] == ["faust", "-A", "streams.app", "worker", "-l", "info"]


def test_workers_count_and_serving_processes_answer(rendered: Resources) -> None:
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
        "SLATESTREAM_HTTP_HOST": "0.0.0.0",
        "SLATESTREAM_HTTP_DRAIN_S": "5",
    }
    settings = load_settings(settings_data(rendered))
    assert worker["ports"][0]["containerPort"] == settings.worker_http_port
    assert serving["ports"][0]["containerPort"] == settings.http_port


@pytest.mark.parametrize(
    ("kind", "name"),
    [("StatefulSet", "slatestream-worker"), ("Deployment", "slatestream-serving")],
)
def test_liveness_asks_for_life_and_readiness_for_what_it_needs(
    rendered: Resources, kind: str, name: str
) -> None:
    (container,) = one(rendered, kind, name)["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_pods_run_without_root_and_without_rights(rendered: Resources) -> None:
    for pod in pods(rendered):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"]["drop"] == ["ALL"]
            assert "limits" in container["resources"]


def test_credentials_are_referred_to_and_never_contained(rendered: Resources) -> None:
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
    rendered: Resources, kind: str, name: str, services: list[str]
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
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_no_pod_waits_for_a_volume_that_many_nodes_share(rendered: Resources) -> None:
    """A cluster without ReadWriteMany starts everything; `releases` is there to be chosen."""
    claims = of_kind(rendered, "PersistentVolumeClaim")
    claims += one(rendered, "StatefulSet")["spec"]["volumeClaimTemplates"]
    assert all(each["spec"]["accessModes"] == ["ReadWriteOnce"] for each in claims)
    names = {each["metadata"]["name"] for each in claims}
    for pod in pods(rendered):
        for volume in pod["volumes"]:
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in names
