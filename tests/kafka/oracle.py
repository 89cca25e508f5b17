"""The oracle: what must have been counted, by brute force over a whole history at once. It shares
no code with `streams`.

For every (slate_id, item_id):

    impression   counts once; the earliest decides time and segment
    click        counts once, if one has  click.ts - impression.ts <= attribution window
    conversion   counts once, if one has  conversion.ts - impression.ts <= attribution window, or <=
                 conversion window in a slate with a counted click

The order of the events plays no part. A history whose totals would depend on it (two clicks of one
item that both count and differ in value, two impressions that differ) is refused with `ValueError`:
the product promises nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Cell = tuple[str, str]  # (segment, item_id)
Totals = tuple[int, int, int, float]  # impressions, clicks, conversions, value


class Windows(NamedTuple):
    """The settings that decide."""

    attribution_s: float
    conversion_s: float
    segment_fields: tuple[str, ...] = ()


def recount(
    impressions: Iterable[Mapping[str, Any]],
    feedback: Iterable[Mapping[str, Any]],
    windows: Windows,
    served: Mapping[str, str],
) -> dict[Cell, Totals]:
    """Totals per (segment, item_id).

    Parameters
    ----------
    impressions, feedback
        Events as they were produced, duplicates included, in any order.
    served
        Segment of every slate that was answered to a request.
    """
    seen: dict[tuple[str, str], tuple[float, str]] = {}  # (slate, item) -> (time, segment)
    for event in impressions:
        key = event["slate_id"], event["item_id"]
        shown = event["ts"], _segment(event, windows.segment_fields, served)
        if seen.setdefault(key, shown) != shown:
            raise ValueError(f"two impressions of {key} differ: the first to arrive would decide")
    # (slate, item, kind) -> {(age, value)}
    reactions: dict[tuple[str, str, str], set[tuple[float, float]]] = {}
    for event in feedback:
        key = event["slate_id"], event["item_id"]
        if key in seen:
            one = event["ts"] - seen[key][0], event.get("value") or 0.0
            reactions.setdefault((*key, event.get("kind", "click")), set()).add(one)

    counted: dict[tuple[str, str, str], float] = {}  # value of what counts
    for (slate, item, kind), each in reactions.items():
        if kind == "click":
            _add(
                counted,
                (slate, item, kind),
                {value for age, value in each if age <= windows.attribution_s},
            )
    clicked = {slate for slate, _item, _kind in counted}
    for (slate, item, kind), each in reactions.items():
        if kind == "conversion":
            reach_s = windows.conversion_s if slate in clicked else windows.attribution_s
            _add(counted, (slate, item, kind), {value for age, value in each if age <= reach_s})

    totals: dict[Cell, list[float]] = {}
    for (_slate, item), (_ts, segment) in seen.items():
        totals.setdefault((segment, item), [0, 0, 0, 0.0])[0] += 1
    for (slate, item, kind), value in counted.items():
        row = totals[seen[slate, item][1], item]
        row[1 if kind == "click" else 2] += 1
        row[3] += value
    return {cell: (int(row[0]), int(row[1]), int(row[2]), row[3]) for cell, row in totals.items()}


def differences(
    expected: Mapping[Cell, Totals], exported: Iterable[Mapping[str, Any]]
) -> list[str]:
    """One sentence per cell in which an export (`stats export`) differs; empty when all
    is equal.
    """
    found: dict[Cell, Totals] = {}
    for row in exported:
        found[row["segment"], row["item_id"]] = (
            row["impressions"],
            row["clicks"],
            row["conversions"],
            row["value"],
        )
    nothing: Totals = (0, 0, 0, 0.0)
    cells = sorted(expected.keys() | found.keys())
    return [
        f"{segment}/{item}: expected {want}, found {have}"
        for segment, item in cells
        if (want := expected.get((segment, item), nothing))
        != (have := found.get((segment, item), nothing))
    ]


def _segment(event: Mapping[str, Any], fields: tuple[str, ...], served: Mapping[str, str]) -> str:
    if event.get("segment") is not None:
        return str(event["segment"])
    if event["slate_id"] in served:
        return served[event["slate_id"]]
    context = event.get("context") or {}
    return (
        ",".join(f"{field}={context[field]}" for field in fields if field in context) or "default"
    )


def _add(
    counted: dict[tuple[str, str, str], float], key: tuple[str, str, str], values: set[float]
) -> None:
    if len(values) > 1:
        raise ValueError(
            f"{key} counts with different values {sorted(values)}: the first to arrive would decide"
        )
    if values:
        counted[key] = values.pop()
