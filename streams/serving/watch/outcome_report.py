"""OutcomeReport: what is said of variants at one time, from outcome rows and the policy file. Pure
functions.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.experiments.balance import Check, Groups, expected, offered_check, seen_check
from bandits.experiments.tracking import losses
from bandits.slates.variants import PolicyFile
from streams.contract.outcome_rows import (
    HOUR_S,
    SEGMENT_SUMS,
    SEGMENTS_KIND,
    SLATE_SUMS,
    SLATES_KIND,
    USER_SUMS,
)
from streams.contract.outcomes_page import (
    BalanceCell,
    BalanceCheck,
    ExplorationRow,
    HourOutcome,
    OutcomesPage,
    TrackingLoss,
)
from streams.serving.watch.comparison import USERS, VariantSums, variant_outcome
from streams.serving.watch.outcome_findings import outcome_findings
from streams.serving.watch.outcomes_view import Outcomes

Floats = NDArray[np.float64]
# slates of an hour that is over are seen, or never
SETTLED_S = 600.0
MOST_SEGMENTS = 20  # of exploration, those with most slates
RECENT_HOURS = 48


class Options(NamedTuple):
    """What is asked for: hours back, unit of intervals, whether these hold at every look."""

    hours: int = 168
    unit: str = USERS
    sequential: bool = False


def report(outcomes: Outcomes, file: PolicyFile, options: Options, now_s: float) -> OutcomesPage:
    """The page; shapes and words are those of `streams.contract.outcomes_page`."""
    first = int(now_s // HOUR_S) - options.hours + 1
    recent = max(first, int(now_s // HOUR_S) - RECENT_HOURS + 1)
    by_variant = _by_variant(outcomes, first, recent, file)
    cells = _Cells(outcomes, recent, list(by_variant))
    checks = _checks(cells, by_variant, file)
    over = int((now_s - SETTLED_S) // HOUR_S)  # the first hour that is not settled
    lost, never_seen = _tracking(outcomes, recent, over)
    control = by_variant.get(file.control)
    holdbacks = {each.name for each in file.variants if each.holdback}
    variants = [
        variant_outcome(
            name,
            own,
            None if name == file.control else control,
            file.shares.get(name),
            name in holdbacks,
            options.unit,
            options.sequential,
        )
        for name, own in by_variant.items()
    ]
    page = OutcomesPage(
        ts=now_s,
        since=first * HOUR_S,
        control=file.control,
        unit=options.unit,
        sequential=options.sequential,
        variants=variants,
        balance=checks,
        cells=list(cells.rows(file)) if len(by_variant) > 1 else [],
        tracking=lost,
        never_seen_share=never_seen,
        exploration=_exploration(outcomes, recent),
        hours=_hours(outcomes, first),
        findings=[],
    )
    page.findings.extend(outcome_findings(page))
    return page


def _by_variant(
    outcomes: Outcomes, first: int, recent: int, file: PolicyFile
) -> dict[str, VariantSums]:
    """Variants that got slates, and those of the file."""
    names = list(file.shares)
    slates: defaultdict[str, Floats] = defaultdict(lambda: np.zeros(len(SLATE_SUMS)))
    segments: defaultdict[str, Floats] = defaultdict(lambda: np.zeros(len(SEGMENT_SUMS)))
    forced: defaultdict[str, float] = defaultdict(float)
    versions: defaultdict[str, set[str]] = defaultdict(set)
    for key, sums in outcomes.sums.items():
        name = str(key.names[0])
        if key.kind == SLATES_KIND and key.hour >= first:
            versions[name].add(str(key.names[1]))
            if key.names[2]:
                forced[name] += sums[0]
            else:
                slates[name] += sums
        elif key.kind == SEGMENTS_KIND and key.hour >= recent:
            segments[name] += sums
    groups = _groups(outcomes, first)
    names += sorted((slates.keys() | versions.keys()) - set(names))
    return {
        name: VariantSums(
            slates[name],
            np.array(list(groups[name].values())).reshape(-1, len(USER_SUMS)),
            segments[name],
            round(forced[name]),
            sorted(versions[name]),
        )
        for name in names
    }


def _groups(outcomes: Outcomes, first: int) -> defaultdict[str, dict[tuple[int, int], Floats]]:
    """Sums of each group of users by variant; a group is a partition's. The day that `first` lies
    in is taken whole: a user's day is one figure.
    """
    found: defaultdict[str, dict[tuple[int, int], Floats]] = defaultdict(dict)
    for (partition, key), sums in outcomes.users.items():
        if key.hour >= first - first % 24:
            own, group = found[str(key.names[0])], (partition, int(key.names[2]))
            own[group] = own.get(group, 0.0) + np.array(sums)
    return found


class _Cells:
    """Slates by segment and variant, (n_segments, n_variants) each."""

    def __init__(self, outcomes: Outcomes, first: int, variants: list[str]) -> None:
        sums: defaultdict[tuple[str, str], Floats] = defaultdict(
            lambda: np.zeros(len(SEGMENT_SUMS))
        )
        for key, row in outcomes.sums.items():
            if key.kind == SEGMENTS_KIND and key.hour >= first:
                sums[str(key.names[1]), str(key.names[0])] += row
        self.variants = variants
        self.segments = sorted({segment for segment, _variant in sums})
        shape = len(self.segments), len(variants), len(SEGMENT_SUMS)
        table = np.zeros(shape)
        for (segment, variant), own in sums.items():
            table[self.segments.index(segment), variants.index(variant)] = own
        by = {name: table[:, :, at] for at, name in enumerate(SEGMENT_SUMS)}
        self.offered, self.weight, self.seen = by["offered"], by["offered_weight"], by["seen"]
        self._groups = _groups(outcomes, first)

    def groups(self) -> Groups:
        """Users by group and variant."""
        keys = sorted({key for own in self._groups.values() for key in own})
        table = np.zeros((len(keys), len(self.variants), len(USER_SUMS)))
        for at, variant in enumerate(self.variants):
            own = self._groups.get(variant, {})
            for row, key in enumerate(keys):
                if key in own:
                    table[row, at] = own[key]
        return Groups(table[:, :, USER_SUMS.index("offered")], table[:, :, USER_SUMS.index("seen")])

    def owed(self, file: PolicyFile) -> Floats:
        """Slates by logged propensities."""
        return expected(self.offered, self.weight, self.shares(file))

    def shares(self, file: PolicyFile) -> Floats:
        """Of the file, (n_variants,)."""
        return np.array([file.shares.get(name, 0.0) for name in self.variants])

    def rows(self, file: PolicyFile) -> Iterator[BalanceCell]:
        """As they are shown."""
        owed = self.owed(file)
        rate = self.seen.sum(axis=1) / np.maximum(self.offered.sum(axis=1), 1.0)
        for s, segment in enumerate(self.segments):
            for v, variant in enumerate(self.variants):
                offered = float(self.offered[s, v])
                yield BalanceCell(
                    segment,
                    variant,
                    round(offered),
                    float(owed[s, v]),
                    round(float(self.seen[s, v])),
                    offered * float(rate[s]),
                )


def _checks(
    cells: _Cells, by_variant: dict[str, VariantSums], file: PolicyFile
) -> list[BalanceCheck]:
    """Of everything; none with one variant, or nothing to check."""
    if len(by_variant) < 2 or not cells.segments:
        return []
    groups, total = cells.groups(), cells.offered.sum(axis=1, keepdims=True)
    found = {
        "offered": offered_check(cells.offered, cells.owed(file), groups),
        "shares": offered_check(cells.offered, cells.shares(file) * total, groups),
        "seen": seen_check(cells.offered, cells.seen, groups),
    }
    return [_row(name, check, cells.segments) for name, check in found.items()]


def _row(name: str, check: Check, segments: Sequence[str]) -> BalanceCheck:
    segment = segments[check.worst] if check.alarm else None
    return BalanceCheck(
        name, check.p, check.alarm, check.statistic, check.dof, check.design_effect, segment
    )


def _tracking(outcomes: Outcomes, first: int, over: int) -> tuple[list[TrackingLoss], float | None]:
    """Losses of segments, and of all together (""), in hours that are over; and the share of slates
    that nobody saw.
    """
    rows: defaultdict[tuple[int, str], Floats] = defaultdict(lambda: np.zeros(2))
    at = [SEGMENT_SUMS.index(column) for column in ("offered", "seen")]
    for key, sums in outcomes.sums.items():
        if key.kind == SEGMENTS_KIND and first <= key.hour < over:
            both = np.array([sums[column] for column in at])
            rows[key.hour, str(key.names[1])] += both
            rows[key.hour, ""] += both
    hours = sorted({hour for hour, _segment in rows})
    segments = sorted({segment for _hour, segment in rows})
    if not hours:
        return [], None
    table = np.array([[rows[hour, segment] for segment in segments] for hour in hours])
    found = [
        TrackingLoss(
            segments[loss.segment], hours[loss.hour] * HOUR_S, loss.before, loss.after, loss.p
        )
        for loss in losses(table[:, :, 0], table[:, :, 1])
    ]
    offered, seen = table[:, segments.index("")].sum(axis=0)
    return found, float(1 - seen / offered) if offered else None


def _exploration(outcomes: Outcomes, first: int) -> list[ExplorationRow]:
    """By hour and segment, of all variants; segments with most slates."""
    sums: defaultdict[tuple[int, str], Floats] = defaultdict(lambda: np.zeros(len(SEGMENT_SUMS)))
    slates: defaultdict[str, float] = defaultdict(float)
    for key, row in outcomes.sums.items():
        if key.kind == SEGMENTS_KIND and key.hour >= first:
            segment = str(key.names[1])
            sums[key.hour, segment] += row
            slates[segment] += row[0]
    most = sorted(slates, key=lambda name: (-slates[name], name))[:MOST_SEGMENTS]
    rows = []
    for (hour, segment), own in sorted(sums.items()):
        if segment in most:
            by = dict(zip(SEGMENT_SUMS, own.tolist(), strict=True))
            explored = by["explored"] / by["slots"] if by["slots"] else None
            rows.append(
                ExplorationRow(
                    hour * HOUR_S,
                    segment,
                    round(by["offered"]),
                    round(by["clicks"]),
                    explored,
                    by["given_up"],
                )
            )
    return rows


def _hours(outcomes: Outcomes, first: int) -> list[HourOutcome]:
    """Outcome rows, the newest hour first."""
    found = []
    for key, sums in outcomes.sums.items():
        if key.kind == SLATES_KIND and key.hour >= first:
            variant, version, forced = key.names
            by = dict(zip(SLATE_SUMS, sums, strict=True))
            found.append(
                HourOutcome(
                    hour=key.hour * HOUR_S,
                    variant=str(variant),
                    policy_version=str(version),
                    forced=bool(forced),
                    offered=round(by["offered"]),
                    seen=round(by["seen"]),
                    clicked=round(by["clicked"]),
                    impressions=round(by["impressions"]),
                    clicks=round(by["clicks"]),
                    conversions=round(by["conversions"]),
                    value=by["value"],
                )
            )
    return sorted(found, key=lambda row: (-row.hour, row.variant, row.policy_version))
