"""What `slatestream evaluate` prints: a table for people, JSON lines for programs."""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bandits.ope.estimate import Estimate, Refusal
from bandits.tuning.report import Judged, bounds_of, point_file, value_of
from bandits.tuning.search import Point

PIPE_WIDTH = 160  # of tables that go to a file or another program
NOTES = {"dm": "the interval leaves out the model's own error"}


def console() -> Console:
    """Return the console of results; made when needed, since tests and pipes exchange
    `sys.stdout`.
    """
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)


def progress() -> Progress:
    """Return a progress bar on stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True, highlight=False))


def json_line(value: dict[str, Any]) -> None:
    """Write one line of JSON; numbers that are none become null."""
    sys.stdout.write(json.dumps(_finite(value)) + "\n")


def as_record(result: Estimate | Refusal) -> dict[str, Any]:
    """Return an estimate or a refusal as a JSON object, told apart by `kind`."""
    return {"kind": "estimate" if isinstance(result, Estimate) else "refusal", **result._asdict()}


def print_results(results: Sequence[Estimate | Refusal], title: str) -> None:
    """Print one row per policy and estimator, and a reason in place of the numbers where there are
    none.
    """
    confidence = next(
        (result.confidence for result in results if isinstance(result, Estimate)), 0.95
    )
    table = Table(title=title, title_justify="left")
    for name in ("policy", "estimator", "per"):
        table.add_column(name)
    for name in ("value", f"{confidence:.0%} interval", "effective", "average weight"):
        table.add_column(name, justify="right")
    noted = any(isinstance(result, Refusal) or result.estimator in NOTES for result in results)
    if noted:
        table.add_column("note")
    for result in results:
        if isinstance(result, Refusal):
            needed = (
                ""
                if result.rows_needed is None
                else f"; {result.rows:,} rows, about {result.rows_needed:,} needed"
            )
            table.add_row(
                result.policy, result.estimator, "", "refused", "", "", "", result.reason + needed
            )
            continue
        weight = "" if math.isnan(result.mean_weight) else f"{result.mean_weight:.3f}"
        row = [
            result.policy,
            result.estimator,
            result.per,
            f"{result.value:.5f}",
            _interval(result),
            f"{result.ess:,.0f}",
            weight,
        ]
        table.add_row(*row, *([NOTES.get(result.estimator, "")] if noted else []))
    console().print(table)


def print_front(points: Sequence[Point], base: Point | None, folder: Path) -> None:
    """Print one row per point of a Pareto front, and where its files are."""
    goals, parameters = list(points[0].judged), list(points[0].settings)
    table = Table(
        title="Pareto front, judged on rows that the search did not see", title_justify="left"
    )
    table.add_column("point", justify="right")
    for name in (*parameters, *goals):
        table.add_column(name, justify="right")
    named = [
        *((str(number), point) for number, point in enumerate(points)),
        *([] if base is None else [("file", base)]),
    ]
    for name, point in named:
        settings = [
            f"{point.settings[parameter]:.3f}" if parameter in point.settings else ""
            for parameter in parameters
        ]
        table.add_row(name, *settings, *(_cell(point.judged[goal]) for goal in goals))
    console().print(table)
    console().print(
        f"{folder / 'front.csv'}, {folder / 'front.png'}; policy files {point_file(folder, 0)} ...",
        soft_wrap=True,
    )


def front_records(
    points: Sequence[Point], base: Point | None, folder: Path
) -> list[dict[str, Any]]:
    """Return the front as JSON objects, `point` null for the policy file as it was."""
    named: list[tuple[int | None, Point]] = [
        *enumerate(points),
        *([] if base is None else [(None, base)]),
    ]
    return [
        {
            "kind": "point",
            "point": number,
            "settings": point.settings,
            "searched": point.searched,
            "judged": {
                goal: as_record(judged)
                if isinstance(judged, Estimate | Refusal)
                else {"kind": "exact", "value": judged}
                for goal, judged in point.judged.items()
            },
            "policy_version": point.config.version,
            "policy_file": None if number is None else str(point_file(folder, number)),
        }
        for number, point in named
    ]


def _interval(estimate: Estimate) -> str:
    return f"{estimate.low:.5f} to {estimate.high:.5f}"


def _cell(judged: Judged) -> str:
    if isinstance(judged, Refusal):
        return "refused: too little data"
    low, high = bounds_of(judged)
    return (
        f"{value_of(judged):.5f}"
        if low == high
        else f"{value_of(judged):.5f} ({low:.5f} to {high:.5f})"
    )


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
