"""The overlays: small for one broker, and spread and scaled for production."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.config import load_settings
from streams.contract.topics import COPARTITIONED, TopicNames
from streams.kafka.names import app_id
from tests.deploy.binaries import needs_kubectl, run
from tests.deploy.rendering import (
    K8S,
    Resources,
    of_kind,
    one,
    render,
    settings_data,
)

pytestmark = needs_kubectl
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def production() -> Resources:
    return render("overlays/production")


def seconds_per_pod(policies: list[dict[str, Any]]) -> float:
    return min(each["periodSeconds"] / each["value"] for each in policies)


def test_the_dev_overlay_asks_for_one_broker_and_little_of_a_node() -> None:
    dev = render("overlays/dev")
    assert load_settings(settings_data(dev)).topic_replication == 1
    for kind in ("StatefulSet", "Deployment"):
        spec = one(dev, kind)["spec"]
        assert spec["replicas"] == 1
        requests = spec["template"]["spec"]["containers"][0]["resources"]["requests"]
        assert requests == {"cpu": "100m", "memory": "256Mi"}
    assert one(dev, "CronJob")["spec"]["suspend"] is True


def test_production_keeps_every_event_on_three_brokers(production: Resources) -> None:
    assert load_settings(settings_data(production)).topic_replication == 3


def test_production_spreads_pods_over_nodes_and_zones(production: Resources) -> None:
    for kind in ("StatefulSet", "Deployment"):
        template = one(production, kind)["spec"]["template"]
        constraints = {
            each["topologyKey"]: each for each in template["spec"]["topologySpreadConstraints"]
        }
        node, zone = (
            constraints["kubernetes.io/hostname"],
            constraints["topology.kubernetes.io/zone"],
        )
        assert (node["whenUnsatisfiable"], node["nodeTaintsPolicy"]) == ("DoNotSchedule", "Honor")
        assert zone["whenUnsatisfiable"] == "ScheduleAnyway"  # volumes are of a zone
        for each in (node, zone):
            matched = each["labelSelector"]["matchLabels"].items()
            assert matched <= template["metadata"]["labels"].items()


def test_nobody_but_the_autoscalers_sets_the_number_of_pods(production: Resources) -> None:
    """A number in the manifest would undo theirs at every apply."""
    scaled = {
        (each["spec"]["scaleTargetRef"]["kind"], each["spec"]["scaleTargetRef"]["name"])
        for each in of_kind(production, "HorizontalPodAutoscaler")
        + of_kind(production, "ScaledObject")
    }
    assert scaled == {
        ("StatefulSet", "slatestream-worker"),
        ("Deployment", "slatestream-serving"),
    }
    for kind, name in scaled:
        assert "replicas" not in one(production, kind, name)["spec"]


def test_serving_follows_the_processor_up_to_one_process_per_partition(
    production: Resources,
) -> None:
    spec = one(production, "HorizontalPodAutoscaler")["spec"]
    (metric,) = spec["metrics"]
    assert metric["resource"]["name"] == "cpu"
    (container,) = one(production, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"]  # utilisation is a share of it
    partitions = load_settings(settings_data(production)).topic_partitions
    assert spec["minReplicas"] >= 2
    assert spec["maxReplicas"] <= partitions


def test_counting_follows_the_lag_up_to_one_worker_per_partition(production: Resources) -> None:
    spec = one(production, "ScaledObject")["spec"]
    settings = load_settings(settings_data(production))
    assert spec["minReplicaCount"] >= 2
    assert spec["maxReplicaCount"] <= settings.topic_partitions
    names = TopicNames(settings.topic_prefix)
    keyed_by_user = {getattr(names, each) for each in COPARTITIONED}
    for trigger in spec["triggers"]:
        metadata = trigger["metadata"]
        assert trigger["type"] == "kafka"
        assert metadata["bootstrapServers"] == settings.bootstrap_servers
        assert metadata["consumerGroup"] == app_id(settings)
        assert metadata["topic"] in keyed_by_user
        assert metadata["allowIdleConsumers"] == "false"
        assert all(isinstance(value, str) for value in metadata.values())


def test_counting_is_slow_to_act(production: Resources) -> None:
    """Every change is a rebalance: up in minutes, down in an hour, one worker at a time."""
    behavior = one(production, "ScaledObject")["spec"]["advanced"]["horizontalPodAutoscalerConfig"][
        "behavior"
    ]
    up, down = behavior["scaleUp"], behavior["scaleDown"]
    assert up["stabilizationWindowSeconds"] >= 300
    assert down["stabilizationWindowSeconds"] >= 3600
    assert seconds_per_pod(up["policies"]) >= 300
    assert seconds_per_pod(down["policies"]) >= 900
    assert {each["type"] for each in up["policies"] + down["policies"]} == {"Pods"}


def test_the_overlay_of_the_guide_renders(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    shutil.copytree(K8S, tmp_path / "k8s")
    here = tmp_path / "k8s" / "overlays" / "shop"
    here.mkdir()
    (here / "kustomization.yaml").write_text(block)
    done = run("kubectl", "kustomize", str(here))
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    settings = load_settings(settings_data(made))
    assert (settings.bootstrap_servers, settings.security_protocol) == (
        "broker-1:9093,broker-2:9093",
        "SSL",
    )
    assert {each["metadata"]["namespace"] for each in made} == {"slatestream"}
    for trigger in one(made, "ScaledObject")["spec"]["triggers"]:
        assert trigger["metadata"]["bootstrapServers"] == settings.bootstrap_servers


def test_the_guide_has_every_component() -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text()
    for component in (K8S / "components").iterdir():
        assert f"\n| `{component.name}` |" in guide


def test_keda_follows_the_settings_of_an_overlay_of_ones_own() -> None:
    made = render(
        "overlays/production",
        "follow-settings",
        literals=("KAFKA_BOOTSTRAP_SERVERS=shop-kafka:9092", "SLATESTREAM_GROUP=blue"),
    )
    for trigger in one(made, "ScaledObject")["spec"]["triggers"]:
        assert trigger["metadata"]["bootstrapServers"] == "shop-kafka:9092"
        assert trigger["metadata"]["consumerGroup"] == "blue"
