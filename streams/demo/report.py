"""The result of the traffic on one screen: clicks per 1,000 visits over time, with 95% intervals.

1000 (mean +- 1.96 s / sqrt(n))        over the n visits of a window; s: standard deviation of
                                       clicks per visit
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Group
from rich.table import Table
from rich.text import Text

from bandits.slates.variants import BASE
from streams.contract.outcomes_page import LiftOf, OutcomesPage
from streams.demo.late_items import Came
from streams.demo.reference import References

WINDOWS = 8
BLOCKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 48
Z_95 = 1.959964  # two-sided 95% point of the normal distribution


class Estimate(NamedTuple):
    """Clicks per 1,000 visits with a 95% interval."""

    mean: float
    low: float
    high: float

    def text(self) -> str:
        """`1,234 ± 56`."""
        return f"{self.mean:,.0f} ± {(self.high - self.low) / 2:,.0f}"


class Window(NamedTuple):
    """One stretch of visits."""

    visits: int
    learned: Estimate
    random: Estimate
    best_single: float
    best_possible: float


def per_thousand(clicks: NDArray[np.float64]) -> Estimate:
    """The equation of the module's docstring. `clicks`: (n,) clicks per visit, n > 0."""
    mean = clicks.mean()
    half = Z_95 * clicks.std(ddof=1) / np.sqrt(len(clicks)) if len(clicks) > 1 else 0.0
    return Estimate(float(1000 * mean), float(1000 * (mean - half)), float(1000 * (mean + half)))


def windows(
    clicks: NDArray[np.float64], reference: References, count: int = WINDOWS
) -> list[Window]:
    """The visits in `count` equal stretches, in order. `clicks`: (n_visits,) clicks of the learned
    slates.
    """
    made = []
    for part in np.array_split(np.arange(len(clicks)), min(count, len(clicks))):
        made.append(
            Window(
                len(part),
                per_thousand(clicks[part]),
                per_thousand(reference.random[part]),
                float(1000 * reference.best_single[part].mean()),
                float(1000 * reference.best_possible[part].mean()),
            )
        )
    return made


def sparkline(values: NDArray[np.float64], width: int = SPARK_WIDTH) -> str:
    """Means of `width` stretches as blocks, the lowest bar at 0."""
    if not len(values):
        return ""
    means = [
        part.mean()
        for part in np.array_split(np.asarray(values, dtype=float), min(width, len(values)))
    ]
    top = max(means) or 1.0
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int(mean / top * len(BLOCKS)))] for mean in means)


def screen(parts: Sequence[Window], clicks: NDArray[np.float64], what_clicks: str) -> Group:
    """The table, the sparkline and one sentence."""
    table = Table(
        title=f"clicks per 1,000 visits ({what_clicks})",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("visits", "learned slates", "random slates", "best single slate", "best possible"):
        table.add_column(name, justify="right")
    seen = 0
    for part in parts:
        seen += part.visits
        table.add_row(
            f"to {seen:,}",
            part.learned.text(),
            part.random.text(),
            f"{part.best_single:,.0f}",
            f"{part.best_possible:,.0f}",
        )
    return Group(table, Text(f"learned, over time  {sparkline(clicks)}"), Text(sentence(parts[-1])))


def sentence(last: Window) -> str:
    """What the last window says, in words."""
    if last.random.mean > 0:
        gain = f"{last.learned.mean / last.random.mean:.1f} times random"
    else:
        gain = "no random slate was clicked"
    share = last.learned.mean / last.best_possible
    return (
        f"In the last stretch the learned slates got {gain} and {share:.0%} of the best possible."
    )


def new_items(came: Came) -> str:
    """What became of the items that came at half time, in words."""
    if not came.shown:
        return f"{came.items} new items came at half time; none was shown"
    half = "" if came.half_s is None else f", half of them within {came.half_s:.1f} s"
    return (
        f"{came.items} new items came at half time: the first was shown after {came.first_s:.1f} s"
        f"{half}, {came.shown} in all. They had {came.share:.1%} of the places since and earned "
        f"{came.earned:,.0f} clicks per 1,000 places, the others {came.others_earned:,.0f}."
    )


def lift(page: OutcomesPage) -> LiftOf | None:
    """Of clicks per slate, of the policy file's own slates over the holdback's."""
    base = next((each for each in page.variants if each.variant == BASE), None)
    return None if base is None else base.lift.get("clicks_per_slate")


def lift_sentence(page: OutcomesPage, found: LiftOf | None) -> str:
    """The lift in words."""
    control = next((each for each in page.variants if each.variant == page.control), None)
    if found is None or control is None:
        return (
            "no lift: there is no holdback in the policy file, or too few of its slates were seen"
        )
    return (
        f"Lift over the holdback ({control.variant}, {control.seen:,} slates of "
        f"{control.share or 0:.0%} of the visitors): {found.text()} clicks per slate, 95% "
        "interval, users as the unit."
    )


def beats_random(parts: Sequence[Window]) -> bool:
    """Whether the last window's intervals are apart, learned above random."""
    return parts[-1].learned.low > parts[-1].random.high
