"""A TypeScript client, generated from the OpenAPI document of a running worker: it compiles under
`strict`, and a shop on it asks, shows and clicks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.streams.client.conftest import ITEMS, TOKEN
from tests.streams.client.test_client import wait_counted
from tests.streams.worker_process import WorkerProcess

pytestmark = pytest.mark.local
SOURCES = Path(__file__).parent / "typescript"
INSTALL_S = 120.0
OPTIONS = (
    *("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"),
    *("--lib", "es2022,dom"),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The shop with its packages."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    shutil.copytree(SOURCES, tmp_path, dirs_exist_ok=True)
    flags = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
    try:
        done = subprocess.run(
            ["npm", "install", *flags],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not bring the packages within {INSTALL_S:g} s")
    if done.returncode:
        pytest.skip(f"npm cannot bring the packages: {done.stderr.strip()[-200:]}")
    return tmp_path


def test_a_generated_typescript_client_compiles_and_runs(
    project: Path, worker: WorkerProcess, document: dict[str, Any]
) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=project, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (project / "openapi.json").write_text(json.dumps(document))
    bin_ = project / "node_modules" / ".bin"
    # without the flag a field that may be left out must be given where it has a default
    flags = ("--default-non-nullable", "false")
    run(str(bin_ / "openapi-typescript"), "openapi.json", "-o", "schema.ts", *flags)
    run(str(bin_ / "tsc"), *OPTIONS, "shop.ts")
    said = json.loads(run("node", "shop.js", f"http://127.0.0.1:{worker.port}", TOKEN))
    assert len(said["items"]) == 3
    assert set(said["items"]) <= set(ITEMS)
    assert said["accepted"] == 2
    assert said["replay"] in ("same", "newer")
    wait_counted(worker, "typescript", impressions=3.0, clicks=1.0)
