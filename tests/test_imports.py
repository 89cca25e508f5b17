"""Imports go one way, by folder, and the worker stays light.

    streams    contract <- kafka <- counting, serving <- worker <- commands; counting and serving
               apart
    bandits    learning <- policies <- slates <- ope <- tuning <- simulation
    encoder    serving <- corpus <- compress <- training <- release

`bandits` and `encoder` know nothing of `streams` or of each other. `bandits` needs NumPy and
nothing else; Faust appears in `streams.worker` and `streams.app` only; torch and transformers only
in the training half of `encoder`, which is read from the sources: whatever serving imports must not
reach it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("streams", "bandits", "encoder")
ORDER = {  # from the lowest: a folder imports from itself and from those before it
    "streams": (
        "setting",
        "logs",
        "certificates",
        "kafka_settings",
        "group_settings",
        "http_settings",
        "settings",
        "tokens",
        "config",
        "metrics",
        "contract",
        "kafka",
        "client",
        "counting",
        "serving",
        "worker",
        "app",
        "demo",
        "commands",
        "cli",
        "__main__",
    ),
    "bandits": (
        "counts",
        "arms",
        "sparse_counts",
        "learning",
        "policies",
        "slates",
        "ope",
        "experiments",
        "tuning",
        "simulation",
    ),
    "encoder": ("serving", "corpus", "compress", "training", "release"),
}
APART = {("serving", "counting"), ("counting", "serving")}  # of streams: joined by topics only
FAUST_AT_THE_EDGE = {"worker", "app"}
TERMINAL = {"evaluate_output"}  # of bandits: what `slatestream evaluate` prints, with rich
BATCH_SIDE = {"streams.commands.encoder", "streams.demo"}  # may reach all of encoder, lazily


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """Every module that a file imports, as an absolute name; without `lazy` those at the top level
    only.
    """
    tree = ast.parse(path.read_text())
    here = module_name(path).split(".")
    package = here if path.stem == "__init__" else here[:-1]
    for node in ast.walk(tree) if lazy else _top_level(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _top_level(tree: ast.Module) -> Iterator[ast.AST]:
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield from ast.walk(node) if isinstance(node, ast.Try | ast.If | ast.With) else (node,)


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("package", ["bandits", "encoder"])
def test_bandits_and_encoder_know_nothing_of_streams_or_of_each_other(package: str) -> None:
    others = set(PACKAGES) - {package}
    for path in modules(package):
        assert not {name for name in imports(path) if top(name) in others}, path


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way_by_folder(package: str) -> None:
    order = {folder: place for place, folder in enumerate(ORDER[package])}
    against = []
    for path in modules(package):
        here = [*module_name(path).split("."), ""][1]
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != package or len(parts) < 2 or parts[1] not in order or not here:
                continue
            if order[parts[1]] > order[here] or (
                package == "streams" and (here, parts[1]) in APART
            ):
                against.append(f"{module_name(path)} imports {name}")
    assert not against, "\n".join(sorted(set(against)))


def test_nothing_in_production_imports_the_simulator() -> None:
    for package in PACKAGES:
        for path in modules(package):
            if path.parent.name != "simulation":
                assert not [n for n in imports(path) if n.startswith("bandits.simulation")], path


def test_streams_reaches_only_the_serving_half_of_the_encoder() -> None:
    for path in modules("streams"):
        name = module_name(path)
        if any(name == each or name.startswith(f"{each}.") for each in BATCH_SIDE):
            continue
        reached = {
            each.split(".")[1]
            for each in imports(path)
            if top(each) == "encoder" and each != "encoder"
        }
        assert reached <= {"serving"}, f"{name} reaches {sorted(reached)}"


def test_faust_appears_only_at_the_edge() -> None:
    for path in modules("streams"):
        if {top(each) for each in imports(path)} & {"faust", "mode", "aiokafka"}:
            assert module_name(path).split(".")[1] in FAUST_AT_THE_EDGE, path
    for package in ("bandits", "encoder"):
        for path in modules(package):
            assert not {top(each) for each in imports(path)} & {
                "faust",
                "mode",
                "aiokafka",
                "rocksdict",
            }, path


def test_bandits_imports_numpy_and_the_standard_library_only() -> None:
    for path in modules("bandits"):
        if path.stem in TERMINAL:
            continue
        at_the_top = {top(each) for each in imports(path, lazy=False)}
        foreign = at_the_top - sys.stdlib_module_names - {"bandits", "numpy", "__future__"}
        assert not foreign, f"{path} imports {sorted(foreign)}"


def loaded_after(code: str) -> set[str]:
    """Top-level packages in a fresh interpreter after `code`."""
    program = (
        f"{code}\nimport sys\nsys.stdout.write(' "
        f"'.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_all_of_bandits_loads_no_scipy_and_no_kafka() -> None:
    names = [module_name(path) for path in modules("bandits")]
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert not loaded & {
        "scipy",
        "confluent_kafka",
        "faust",
        "torch",
        "pymoo",
        "matplotlib",
        "onnxruntime",
        "msgspec",
    }


def test_the_whole_worker_loads_neither_torch_nor_transformers() -> None:
    loaded = loaded_after(
        "import streams.app, encoder.serving.embed, encoder.serving.artifact, "
        "encoder.serving.verify"
    )
    assert "faust" in loaded
    assert not loaded & {
        "torch",
        "transformers",
        "scipy",
        "pymoo",
        "matplotlib",
        "sklearn",
        "tensorboard",
    }


@pytest.mark.parametrize("path", modules("encoder"), ids=lambda path: path.stem)
def test_torch_is_in_the_training_half_only(path: Path) -> None:
    if path.parent.name == "serving":
        assert not {top(each) for each in imports(path)} & {"torch", "transformers"}


def test_no_library_file_is_longer_than_300_lines() -> None:
    long = {
        str(path): n
        for pkg in PACKAGES
        for path in modules(pkg)
        if (n := len(path.read_text().splitlines())) > 300
    }
    assert not long
