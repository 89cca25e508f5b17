"""The scheduled refresh: a plan that loads, a command that parses, one publisher at a time, and the
folders it needs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from encoder.release import cli
from encoder.release.refresh_config import load_plan
from encoder.training.train_config import TrainConfig
from streams.config import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "k8s" / "base"


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {
        each["kind"]: each
        for each in yaml.safe_load_all((BASE / "encoder-refresh.yaml").read_text())
    }


def pod(documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = documents["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def test_every_document_fits_the_schema(documents: dict[str, dict[str, Any]]) -> None:
    for version in ("1.30", kubernetes_validate.latest_version()):
        for document in documents.values():
            kubernetes_validate.validate(document, version, strict=True)


def test_plan_loads_and_its_training_options_exist(
    documents: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "plan").write_text(documents["ConfigMap"]["data"]["refresh.toml"])
    plan = load_plan(tmp_path / "plan")
    assert plan.train.keys() <= set(TrainConfig.__struct_fields__)
    assert plan.train["threads"] == int(
        next(
            e["value"]
            for e in pod(documents)["containers"][0]["env"]
            if e["name"] == "OMP_NUM_THREADS"
        )
    )


def test_command_is_one_that_exists(documents: dict[str, dict[str, Any]]) -> None:
    (container,) = pod(documents)["containers"]
    assert container["command"][0] == "slatestream"
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers(dest="command"))
    args = parser.parse_args(container["command"][1:])
    assert args.encoder_command == "refresh"
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert str(args.work) in mounts
    assert str(args.plan.parent) in mounts
    settings = dict(
        line.split("=", 1)
        for line in (BASE / "settings.env").read_text().splitlines()
        if "=" in line
    )
    assert "readOnly" not in mounts[str(load_settings(settings).releases_dir)]


def test_a_small_node_can_run_it(documents: dict[str, dict[str, Any]]) -> None:
    """Two cores beside other pods; the processor is shared, so there is no limit of it."""
    (container,) = pod(documents)["containers"]
    assert container["resources"]["requests"]["cpu"] == "500m"
    assert "cpu" not in container["resources"]["limits"]


def test_one_refresh_at_a_time_and_a_wrong_plan_is_not_tried_again(
    documents: dict[str, dict[str, Any]],
) -> None:
    spec = documents["CronJob"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    rules = spec["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert {cli.WRONG_USAGE} == {
        code for rule in rules for code in rule.get("onExitCodes", {}).get("values", [])
    }
