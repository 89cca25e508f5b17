"""Keep a Pareto front: `front.csv` and `front.png` with intervals, and one policy file per point,
`point-00.toml`, ...

The operator compares points in the table or the picture and takes the policy file of the one that
is wanted.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from bandits.ope.estimate import Estimate, Refusal
from bandits.slates.policy_file import dump_config
from bandits.tuning.parameters import SearchError
from bandits.tuning.search import Point

Judged = Estimate | Refusal | float


def point_file(folder: Path, number: int) -> Path:
    """Return where the policy file of a point is kept."""
    return folder / f"point-{number:02d}.toml"


def write_front(points: Sequence[Point], folder: Path, base: Point | None = None) -> None:
    """Write the table, the picture and the policy files; files of an earlier search are replaced.
    `base` is where it began.

    Raises
    ------
    SearchError
        matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("point-*.toml"):
        old.unlink()
    write_csv(points, folder / "front.csv", base)
    plot_front(points, folder / "front.png", base)
    for number, point in enumerate(points):
        point_file(folder, number).write_text(
            dump_config(point.config, describe(number, point)), encoding="utf-8"
        )


def describe(number: int, point: Point) -> str:
    """Say what a point is, in the comment of its policy file."""
    lines = [
        f"Point {number} of a Pareto search: "
        + ", ".join(f"{name} {value:g}" for name, value in point.settings.items())
    ]
    for goal, judged in point.judged.items():
        low, high = bounds_of(judged)
        value = value_of(judged)
        if isinstance(judged, Refusal):
            lines.append(f"{goal}: not judged, {judged.reason}")
        elif low == high:
            lines.append(f"{goal}: {value:.6g}")
        else:
            lines.append(f"{goal}: {value:.6g}, interval {low:.6g} to {high:.6g}")
    return "\n".join(lines)


def write_csv(points: Sequence[Point], path: Path, base: Point | None = None) -> None:
    """Write one row per point: parameters, and every goal as searched and as judged with its
    interval (empty when refused).

    Raises
    ------
    SearchError
        There is no point.
    """
    if not points:
        msg = "expected a front of at least one point, found none"
        raise SearchError(msg)
    goals, parameters = list(points[0].judged), list(points[0].settings)
    parts = [(goal, part) for goal in goals for part in ("", "_low", "_high", "_searched")]
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(
            [
                "point",
                *(f"parameter_{parameter}" for parameter in parameters),
                *(goal + part for goal, part in parts),
            ]
        )
        named: list[tuple[int | str, Point]] = [
            *enumerate(points),
            *([] if base is None else [("base", base)]),
        ]
        for name, point in named:
            row: list[float | str] = [
                name,
                *(point.settings.get(parameter, "") for parameter in parameters),
            ]
            for goal in goals:
                judged = point.judged[goal]
                refused = isinstance(judged, Refusal)
                row += ["", "", ""] if refused else [value_of(judged), *bounds_of(judged)]
                row.append(point.searched[goal])
            writer.writerow(row)


def plot_front(points: Sequence[Point], path: Path, base: Point | None = None) -> None:
    """Plot the first two goals as judged, with intervals, and as searched; points carry their
    numbers.

    Raises
    ------
    SearchError
        matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = (
            f"expected the package matplotlib for the picture, found none ({error}); pip install "
            "'slatestream[tune]'"
        )
        raise SearchError(msg) from None
    goals = tuple(points[0].judged)[:2]
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    searched = [[point.searched[goal] for point in points] for goal in goals]
    axes.plot(*searched, "o-", color="0.75", label="as searched (looks better than it is)")
    named: list[tuple[str, Point]] = [(str(number), point) for number, point in enumerate(points)]
    for name, point in [*named, *([] if base is None else [("file", base)])]:
        if any(isinstance(point.judged[goal], Refusal) for goal in goals):
            continue
        x, y = (value_of(point.judged[goal]) for goal in goals)
        errors = [_bars(point.judged[goal]) for goal in goals]
        colour = "C1" if point is base else "C0"
        axes.errorbar(x, y, xerr=errors[0], yerr=errors[1], fmt="o", color=colour, elinewidth=0.8)
        axes.annotate(name, (x, y), textcoords="offset points", xytext=(5, 5), fontsize=8)
    axes.plot([], [], "o", color="C0", label="judged on rows not seen, with interval")
    if base is not None:
        axes.plot([], [], "o", color="C1", label="the policy file as it is, judged alike")
    axes.set_xlabel(_label(goals[0]))
    axes.set_ylabel(_label(goals[1]))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def _bars(judged: Judged) -> list[list[float]]:
    """Return how far the interval reaches below and above the value, as matplotlib takes it."""
    value, (low, high) = value_of(judged), bounds_of(judged)
    return [[max(value - low, 0.0)], [max(high - value, 0.0)]]


def _label(goal: str) -> str:
    return (
        "variety: effective share of the catalogue"
        if goal == "variety"
        else f"{goal} per impression"
    )


def value_of(judged: Judged) -> float:
    """Return the value of a goal; NaN when it was refused."""
    if isinstance(judged, Refusal):
        return float("nan")
    return judged.value if isinstance(judged, Estimate) else judged


def bounds_of(judged: Judged) -> tuple[float, float]:
    """Return the interval of a goal; without width where nothing was estimated."""
    if isinstance(judged, Estimate):
        return judged.low, judged.high
    value = value_of(judged)
    return value, value
