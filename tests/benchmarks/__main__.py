"""`python -m tests.benchmarks NAME [OPTIONS]`: one benchmark, or `all`; the table on stdout, JSON
under build/bench.

A benchmark is a module `bench_NAME.py` with `run(options: list[str]) -> dict`, which prints one
table and returns what stands in it. `make bench NAME=ingest` runs one.
"""

import datetime
import importlib
import json
import os
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = ROOT / "build" / "bench"


def names() -> list[str]:
    """Every benchmark that there is."""
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def conditions(options: list[str]) -> dict[str, object]:
    """What a figure depends on besides the code."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "options": options,
    }


def run_one(name: str, options: list[str]) -> None:
    """Run a benchmark and write `build/bench/NAME.json`."""
    module = importlib.import_module(f"tests.benchmarks.bench_{name}")
    results = module.run(options)
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        {"name": name, "conditions": conditions(options), "results": results}, indent=2
    )
    (RESULTS / f"{name}.json").write_text(text + "\n")


def main(arguments: list[str]) -> int:
    """Exit status 0 done, 2 wrong usage; a benchmark that fails keeps its traceback."""
    known = names()
    wanted = arguments[:1]
    if wanted == ["all"] and len(arguments) == 1:
        chosen = known
    elif wanted and wanted[0] in known:
        chosen = wanted
    else:
        sys.stderr.write(
            f"expected one of {', '.join([*known, 'all'])}, found "
            f"{' '.join(arguments) or 'nothing'}\n"
        )
        return 2
    for name in chosen:
        sys.stdout.write(f"# {name}\n")
        run_one(name, arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
