"""What Kustomize makes of deploy/k8s, for the tests beside it: rendered once per combination, and
looked up by kind and name.
"""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from streams.setting import known_names
from streams.settings import SETTINGS
from tests.deploy.binaries import run

K8S = Path(__file__).parents[2] / "deploy" / "k8s"
BASE = K8S / "base"
LAYERS = ("base", "overlays/dev", "overlays/production")
# those that need another one stand behind it
COMBINATIONS: tuple[tuple[str, ...], ...] = (
    ("releases",),
    ("tls",),
    ("tls", "scram"),
    ("mtls",),
    ("mtls", "strimzi"),
    ("network-policy",),
    ("monitoring",),
    ("ingress",),
    ("gateway",),
    ("keda", "follow-settings"),
    ("keda", "mtls", "keda-mtls"),
    ("keda", "mtls", "keda-mtls", "strimzi", "follow-settings"),
)
CUSTOM = (  # no schema of Kubernetes' own
    "keda.sh/",
    "monitoring.coreos.com/",
    "kafka.strimzi.io/",
    "gateway.networking.k8s.io/",
)
KNOWN = known_names(SETTINGS)
Resources = list[dict[str, Any]]


@functools.cache
def text(layer: str, *components: str, literals: tuple[str, ...] = ()) -> str:
    """The manifests as Kustomize prints them."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory).resolve()
        overlay = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "slatestream",  # as docs/deployment.md has it: components have none
            "resources": [os.path.relpath(K8S / layer, here)],
            "components": [os.path.relpath(K8S / "components" / c, here) for c in components],
        }
        if literals:
            overlay["configMapGenerator"] = [
                {"name": "slatestream-settings", "behavior": "merge", "literals": list(literals)}
            ]
        (here / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        done = run("kubectl", "kustomize", str(here))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def render(layer: str = "base", *components: str, literals: tuple[str, ...] = ()) -> Resources:
    """An overlay of one's own: upon `layer`, with settings, then components in this order."""
    return list(yaml.safe_load_all(text(layer, *components, literals=literals)))


def of_kind(rendered: Resources, kind: str) -> Resources:
    return [each for each in rendered if each["kind"] == kind]


def one(rendered: Resources, kind: str, name: str = "") -> dict[str, Any]:
    (found,) = [
        each for each in of_kind(rendered, kind) if each["metadata"]["name"].startswith(name)
    ]
    return found


def settings_data(rendered: Resources) -> dict[str, str]:
    data: dict[str, str] = one(rendered, "ConfigMap", "slatestream-settings")["data"]
    return data


def templates(rendered: Resources) -> Resources:
    """The pod template of everything that runs pods."""
    specs = [
        each["spec"] for each in rendered if each["kind"] in ("StatefulSet", "Job", "Deployment")
    ]
    specs += [each["spec"]["jobTemplate"]["spec"] for each in of_kind(rendered, "CronJob")]
    return [spec["template"] for spec in specs]


def pods(rendered: Resources) -> Resources:
    """The pod specification of everything that runs pods."""
    return [template["spec"] for template in templates(rendered)]
