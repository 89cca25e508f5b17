"""Comparison: means of each variant and lifts against the control, from outcome rows."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.experiments.lift import interval, lift
from bandits.experiments.ratio import NOTHING, Mean, of_groups, of_slates
from streams.contract.outcome_rows import SEGMENT_SUMS, SLATE_SUMS, USER_SUMS
from streams.contract.outcomes_page import Estimate, LiftOf, VariantOutcome

Floats = NDArray[np.float64]
USERS, SLATES = "users", "slates"  # units

# what is divided by what
METRICS: Mapping[str, tuple[str, str]] = {
    "click_rate": ("clicks", "impressions"),
    "clicks_per_slate": ("clicks", "seen"),
    "clicked_share": ("clicked", "seen"),
    "conversions_per_slate": ("conversions", "seen"),
    "value_per_slate": ("value", "seen"),
    "seen_share": ("seen", "offered"),
}
COMPARED = tuple(name for name in METRICS if name != "seen_share")


class VariantSums(NamedTuple):
    """Sums of one variant over a period.

    Attributes
    ----------
    slates, segments
        Columns of `SLATE_SUMS` and `SEGMENT_SUMS`.
    users
        (n_groups, n_columns) of `USER_SUMS`.
    forced
        Slates of users whom the file names.
    versions
        Of its policy.
    """

    slates: Floats
    users: Floats
    segments: Floats
    forced: int
    versions: list[str]

    def total(self, column: str) -> float:
        """Of slates."""
        return float(self.slates[SLATE_SUMS.index(column)])

    def mean(self, metric: str, unit: str) -> Mean:
        """A metric, and how well it is known."""
        x, n = METRICS[metric]
        if unit == USERS:
            if not len(self.users):
                return NOTHING
            by = {name: self.users[:, at] for at, name in enumerate(USER_SUMS)}
            return of_groups(by[x], by[n])
        squares = {
            "clicks": "clicks_sq",
            "conversions": "conversions_sq",
            "value": "value_sq",
            "impressions": "impressions_sq",
        }  # of what is 0 or 1 in each slate, the square is the same
        x_sq, n_sq = (self.total(squares.get(each, each)) for each in (x, n))
        x_n = self.total("clicks_impressions" if n == "impressions" else x)
        units = self.total("offered" if n == "offered" else "seen")
        return of_slates(units, self.total(x), self.total(n), x_sq, n_sq, x_n)


def variant_outcome(
    name: str,
    own: VariantSums,
    control: VariantSums | None,
    share: float | None,
    holdback: bool,
    unit: str,
    sequential: bool,
) -> VariantOutcome:
    """What is said of one variant; `control` is None for the control itself."""
    seen, rates, lifts = own.total("seen"), {}, {}
    for metric in METRICS:
        mean = own.mean(metric, unit)
        slates = own.total("offered") if metric == "seen_share" else seen
        found = interval(mean, slates, sequential)
        if found is not None and np.isfinite(found.high):
            rates[metric] = Estimate(*found)
        if control is not None and metric in COMPARED:
            both = seen + control.total("seen")
            difference = lift(mean, control.mean(metric, unit), both, sequential)
            if difference is not None:
                lifts[metric] = LiftOf(*difference)
    slots, explored, given_up = (
        float(own.segments[SEGMENT_SUMS.index(column)])
        for column in ("slots", "explored", "given_up")
    )
    return VariantOutcome(
        variant=name,
        share=share,
        holdback=holdback,
        policy_versions=own.versions,
        forced=own.forced,
        offered=round(own.total("offered")),
        seen=round(seen),
        clicked=round(own.total("clicked")),
        impressions=round(own.total("impressions")),
        clicks=round(own.total("clicks")),
        conversions=round(own.total("conversions")),
        value=own.total("value"),
        rates=rates,
        lift=lifts,
        explored_share=explored / slots if slots else None,
        given_up=given_up,
    )
