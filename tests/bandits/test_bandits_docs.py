"""docs/bandits.md speaks of every policy and of modules that exist; the library needs nothing but
NumPy.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bandits.policies.registry import POLICIES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bandits.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_policy_stands_in_the_page(name):
    assert f"`{name}`" in PAGE


def test_the_modules_it_names_exist():
    named = set(re.findall(r"\| `(\w+)` \|$|\(`(\w+)`\)", PAGE, flags=re.MULTILINE))
    modules = {a or b for a, b in named}
    assert modules >= {"position", "cascade", "delay", "counts", "pooling"}
    stems = {path.stem for path in (ROOT / "bandits").rglob("*.py")}
    assert modules <= stems


def test_counts_priors_policies_and_simulator_import_nothing_but_numpy():
    """In a fresh interpreter: what is loaded besides the standard library, this package
    and NumPy.
    """
    ours = ", ".join(
        f"bandits.{name}"
        for name in (
            "policies.registry",
            "learning.priors",
            "learning.delay",
            "learning.cascade",
            "simulation.learner",
            "simulation.movielens",
        )
    )
    others = {"scipy", "pandas", "torch", "faust", "streams", "encoder", "pymoo", "matplotlib"}
    code = (
        f"import sys; import {ours}; print(*{{name.split('.')[0] for name in sys.modules}} & "
        f"{others!r})"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []
