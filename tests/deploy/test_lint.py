"""Other people's rules: hadolint on the container files, checkov on these and the manifests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.deploy.binaries import needs_kubectl
from tests.deploy.rendering import text

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILES = (DEPLOY / "Dockerfile", DEPLOY / "Dockerfile.encoder")
PLACES = (
    sysconfig.get_path("scripts"),
    str(ROOT / ".venv" / "checkov" / "bin"),
    os.environ.get("PATH", ""),
)
HADOLINT, CHECKOV = (
    shutil.which(name, path=os.pathsep.join(PLACES)) for name in ("hadolint", "checkov")
)


def run(*command: str | Path | None) -> str:
    """Output of a linter that does not end with 0 if it finds anything."""
    words = [str(each) for each in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not here: requirements-tools.txt has it")
def test_hadolint_finds_nothing() -> None:
    assert run(HADOLINT, "--failure-threshold=style", *DOCKERFILES) == ""


@needs_kubectl
@pytest.mark.skipif(CHECKOV is None, reason="checkov is not here: `make .venv/.checkov` brings it")
def test_checkov_finds_nothing_that_is_not_answered(tmp_path: Path) -> None:
    """In production, with the components that an owner adds who lets nobody in."""
    manifests = tmp_path / "production.yaml"
    manifests.write_text(text("overlays/production", "network-policy", "monitoring", "ingress"))
    said = run(CHECKOV, "--config-file", DEPLOY / "checkov.yaml", "--file", manifests, *DOCKERFILES)
    assert said.count("Failed checks: 0") == 2  # manifests, container files


def test_every_answer_to_checkov_has_a_reason() -> None:
    skipped = (DEPLOY / "checkov.yaml").read_text().partition("skip-check:\n")[2].splitlines()
    for line, before in zip(skipped[1::2], skipped[::2], strict=True):
        assert line.strip().startswith("- CKV")
        assert before.strip().startswith("# ")
