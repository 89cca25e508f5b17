"""The Helm chart makes what Kustomize makes: base, overlays, components, resource by resource."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.binaries import needs_helm, needs_kubectl, run
from tests.deploy.rendering import (
    COMBINATIONS,
    CUSTOM,
    Resources,
    of_kind,
    one,
    render,
    settings_data,
)

pytestmark = [needs_helm, needs_kubectl]
CHART = Path(__file__).parents[2] / "deploy" / "helm" / "slatestream"
LAYERS = {"base": (), "overlays/dev": ("dev",), "overlays/production": ("production",)}
SWITCHES = {  # what a component of Kustomize is in the values
    "releases": ("releases",),
    "tls": ("tls",),
    "scram": ("scram",),
    "mtls": ("tls", "mtls"),
    "strimzi": ("strimzi",),
    "network-policy": ("networkPolicy",),
    "monitoring": ("monitoring",),
    "ingress": ("ingress",),
    "gateway": ("gateway",),
    "keda": ("keda",),
    "keda-mtls": (),
    "follow-settings": (),
}
HASHED = re.compile(r"\b(slatestream-(?:settings|policy))-[0-9a-z]{10}\b")


def template(values: Sequence[str] = (), *switches: str) -> Resources:
    files = [f"--values={CHART / f'values-{name}.yaml'}" for name in values]
    done = run(
        "helm",
        "template",
        "slatestream",
        str(CHART),
        *files,
        *(f"--set={switch}" for switch in switches),
    )
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def plain(resource: dict[str, Any]) -> dict[str, Any]:
    """Without what is each tool's own: namespace, hashes at the end of names, order of lists whose
    order means nothing.
    """
    found: dict[str, Any] = yaml.safe_load(HASHED.sub(r"\1", yaml.safe_dump(resource)))
    found["metadata"].pop("namespace", None)

    def order(part: Any) -> None:
        if isinstance(part, dict):
            for key, each in part.items():
                if key in ("volumes", "volumeMounts", "env", "acls"):
                    each.sort(key=str)
                order(each)
        elif isinstance(part, list):
            for each in part:
                order(each)

    copied = copy.deepcopy(found)
    order(copied)
    return copied


def by_name(resources: Resources) -> dict[tuple[str, str], dict[str, Any]]:
    found = {(each["kind"], each["metadata"]["name"]): each for each in map(plain, resources)}
    assert len(found) == len(resources)
    return found


def assert_same(ours: Resources, theirs: Resources) -> None:
    chart, kustomize = by_name(ours), by_name(theirs)
    assert chart.keys() == kustomize.keys()
    for key in kustomize:
        assert chart[key] == kustomize[key], key


@pytest.mark.parametrize("layer", LAYERS)
def test_the_chart_is_the_layer(layer: str) -> None:
    assert_same(template(LAYERS[layer]), render(layer))


@pytest.mark.parametrize("components", COMBINATIONS, ids="+".join)
def test_a_switch_is_a_component(components: tuple[str, ...]) -> None:
    switches = {f"{name}.enabled=true" for each in components for name in SWITCHES[each]}
    if "keda" in components and "follow-settings" not in components:
        components = (*components, "follow-settings")
    made, theirs = template((), *sorted(switches)), render("base", *components)
    if "keda" in components:  # the number of workers is KEDA's
        del one(theirs, "StatefulSet")["spec"]["replicas"]
    assert_same(made, theirs)


def test_every_resource_fits_the_schema() -> None:
    """Kustomize's do (test_k8s.py), and these are the same but for their names."""
    for resource in template(("production",)):
        if not resource["apiVersion"].startswith(CUSTOM):
            kubernetes_validate.validate(resource, "1.30", strict=True)


def test_a_changed_setting_rolls_the_pods_and_is_another_topics_job() -> None:
    names = {
        (
            one(made, "Job")["metadata"]["name"],
            one(made, "Deployment")["spec"]["template"]["spec"]["containers"][0]["envFrom"][0][
                "configMapRef"
            ]["name"],
        )
        for made in (template(), template((), "settings.SLATESTREAM_SEGMENT_FIELDS=country"))
    }
    assert len(names) == 2
    assert all(job == settings for job, settings in names)


def test_a_digest_says_which_image() -> None:
    (pod,) = of_kind(template((), "image.digest=sha256:0123"), "Deployment")
    image = pod["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.endswith("@sha256:0123")


@pytest.mark.parametrize(
    "switch",
    ["mtls.enabled=true", "scram.enabled=true", "strimzi.enabled=true", "worker.sprad=hard"],
)
def test_values_that_do_not_go_together_or_do_not_exist_are_refused(switch: str) -> None:
    done = run("helm", "template", "slatestream", str(CHART), f"--set={switch}")
    assert done.returncode == 1
    assert re.search(r"expected tls.enabled|additional properties 'sprad' not allowed", done.stderr)


def test_a_mechanism_of_ones_own_logs_in_over_tls() -> None:
    settings = ("settings.KAFKA_SASL_MECHANISM=OAUTHBEARER", "tls.enabled=true")
    data = settings_data(template((), *settings))
    assert data["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert data["KAFKA_SASL_MECHANISM"] == "OAUTHBEARER"
