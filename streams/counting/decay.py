"""What an event weighs in a counts row: by the position it was shown at, and by its age where there
is a half-life.
"""

from collections.abc import Sequence

from streams.contract.count_rows import CountRow


def weigh(
    count: CountRow,
    position: int,
    ts: float,
    examination: Sequence[float],
    half_life_s: float | None,
) -> None:
    """An impression is worth the probability that its position was looked at, and less as it grows
    old.
    """
    weight = examination[min(position, len(examination) - 1)]
    count.examined += weight
    if half_life_s is not None:
        share = discount(count, ts, half_life_s)
        count.fresh_impressions += share
        count.fresh_examined += share * weight


def discount(row: CountRow, ts: float, half_life_s: float) -> float:
    """Weight of an event at `ts`: 2^((ts - reference) / half-life), after the reference moved to
    `ts` if that is later.

    `ts` is never in the future: one event from a clock that runs ahead would discount all others to
    nothing, for good.
    """
    if ts > row.reference_s:
        keep = 2.0 ** ((row.reference_s - ts) / half_life_s)
        row.fresh_impressions *= keep
        row.fresh_clicks *= keep
        row.fresh_conversions *= keep
        row.fresh_value *= keep
        row.fresh_examined *= keep
        row.reference_s = ts
        return 1.0
    return float(2.0 ** ((ts - row.reference_s) / half_life_s))
