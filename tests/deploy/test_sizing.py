"""docs/sizing.md: what stands on paper is what the formula makes of the factors, and pods ask for
what the table says, which is more than was seen.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.bench_sizing import PAPER, WORKER_BYTES
from tests.benchmarks.sizing_formula import Factors, size
from tests.deploy.binaries import needs_kubectl
from tests.deploy.rendering import pods, render

GUIDE = (Path(__file__).parents[2] / "docs" / "sizing.md").read_text()
UNITS = {"Mi": 1, "Gi": 1024}


def table(head: str) -> list[list[str]]:
    """The rows under a head, cell by cell."""
    lines = GUIDE.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    assert lines, head
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def factors() -> Factors:
    found = {
        row[0].strip("`"): float(row[1].replace(",", ""))
        for row in table("factor | value | what it is")
    }
    return Factors(**found)


def test_the_paper_is_the_formula() -> None:
    rows = table(
        "events/s | slates/s | cells | partitions | workers | serving | GB, worker | GB, serving "
        "| disk of a worker, GB | brokers, TB | restore, s"
    )
    assert len(rows) == len(PAPER)
    by = factors()
    assert by.worker_bytes == WORKER_BYTES
    for row, wanted in zip(rows, PAPER, strict=True):
        said = [float(cell.replace(",", "")) for cell in row]
        made = [*wanted[:3], *size(wanted, by)]
        assert said == pytest.approx(made, abs=0.51, rel=0.02)


def test_more_load_never_takes_less() -> None:
    sizes = [size(wanted, factors()) for wanted in PAPER]
    for less, more in itertools.pairwise(sizes):
        assert (less.partitions, less.workers) <= (more.partitions, more.workers)
        assert less.broker_tb < more.broker_tb
    for each in sizes:
        assert max(each.workers, each.serving) * 2 <= each.partitions or each.partitions == 12


def mebibytes(text: str) -> float:
    found = re.fullmatch(r"(\d+)(Mi|Gi)", text)
    assert found, text
    return float(found[1]) * UNITS[found[2]]


@needs_kubectl
def test_pods_ask_for_what_was_measured() -> None:
    containers: dict[str, Any] = {
        each["name"]: each["resources"]
        for pod in pods(render("base"))
        for each in pod["containers"]
    }
    rows = table("pod | memory seen, MiB | request | limit | CPU request")
    assert {row[0] for row in rows} == containers.keys()
    for name, seen, request, limit, cpu in rows:
        asked = containers[name]
        assert asked["requests"] == {"cpu": cpu, "memory": request}
        assert asked["limits"] == {"memory": limit}
        assert float(seen.replace(",", "")) < mebibytes(request) < mebibytes(limit)
