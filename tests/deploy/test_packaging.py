"""The source distribution and the metadata: whole, and true."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests import pythons

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD = "import setuptools.build_meta as backend; print(backend.build_{kind}('dist'))"


def tracked() -> set[str]:
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a checkout: what is tracked is not known")
    return set(done.stdout.splitlines())


def build(kind: str, copy: Path) -> Path:
    """What was built of a copy of the sources: `sdist` or `wheel`."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(kind=kind)],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return copy / "dist" / done.stdout.splitlines()[-1]


def test_the_source_distribution_has_every_tracked_file_and_the_wheel_the_pages(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "source"
    names = tracked()
    for name in names:
        if (ROOT / name).exists():  # one may be removed and not yet committed
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    archive = build("sdist", copy)
    with tarfile.open(archive) as opened:
        packed = {member.name.partition("/")[2] for member in opened.getmembers()}
    of_git = {".gitignore", ".git-blame-ignore-revs"}
    assert {name for name in names if (ROOT / name).exists()} - packed == of_git
    pages = {
        name for name in names if re.match(r"streams/serving/(dashboard|browser_client)/", name)
    }
    assert pages
    with zipfile.ZipFile(build("wheel", copy)) as wheel:
        assert pages <= set(wheel.namelist())


def test_the_classifiers_name_the_pythons_that_are_tested() -> None:
    versions = {
        each.rpartition(" ")[2]
        for each in PROJECT["classifiers"]
        if each.startswith("Programming Language :: Python :: 3.")
    }
    assert versions <= set(pythons.VERSIONS)
    assert PROJECT["requires-python"] == f">={min(versions, key=lambda v: int(v.split('.')[1]))}"
