"""Counts: the only learned state, one row of sums per (segment, item), additive over partitions.

    total = sum over partitions of counts            (`add`)
    weight of an event at t seen from ref = 2 ** ((t - ref) / half_life)

Discounted counts carry the reference time they are seen from. Counts with one reference time add
up; `rebase` moves them to another. The clock is the caller's: seconds in the worker, visits or
clicks in the simulator.

Not promised: weights are rounded floats, so discounted sums agree to about 1e-12 relative, not to
the bit, when the order of events changes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# One click may be discounted from its own, later time: it then weighs a little more than its
# impression. Both come from one row, so more than rounding is a sign of a wrong sum.
RELATIVE_TOLERANCE = 1e-6


class CountsError(ValueError):
    """Counts that no log can have: NaN, negative, more clicks than impressions, or arrays of
    different shapes.
    """


class Counts(NamedTuple):
    """Sums over the log, every array (n_segments, n_items) float64.

    Attributes
    ----------
    impressions
        Impressions, each counted once.
    clicks, conversions
        Of those impressions; weighted like their impression where counts are discounted.
    value
        Sum of `value` over counted clicks and conversions; may be negative (a return).
    examined
        Sum over impressions of the examination weight of their position; equals `impressions` where
        weights are 1.
    pending
        Looks whose click may still be on its way: the part of `examined` that is not evidence yet
        (`bandits.learning.delay`); zeros without.
    recent
        The same sums seen through a half-life, shortest memory first; empty where nothing is
        forgotten. `bandits.learning.change_detection` compares them with the whole to find change.

    """

    impressions: NDArray[np.float64]
    clicks: NDArray[np.float64]
    conversions: NDArray[np.float64]
    value: NDArray[np.float64]
    examined: NDArray[np.float64]
    pending: NDArray[np.float64]
    recent: tuple[Counts, ...] = ()


# the fields that are arrays, in order
SUMS = ("impressions", "clicks", "conversions", "value", "examined", "pending")


def zeros(n_segments: int, n_items: int, n_recent: int = 0) -> Counts:
    """Counts of an empty log, with `n_recent` discounted copies.

    Examples
    --------
    >>> zeros(2, 3).clicks.shape
    (2, 3)

    """
    recent = tuple(zeros(n_segments, n_items) for _ in range(n_recent))
    a, b, c, d, e, f = np.zeros((6, n_segments, n_items))
    return Counts(a, b, c, d, e, f, recent)  # each (n_segments, n_items)


def add(a: Counts, b: Counts) -> Counts:
    """Counts of two logs together; discounted copies must have the same reference time.

    Raises
    ------
    CountsError
        If the shapes or the number of discounted copies differ.

    """
    if a.clicks.shape != b.clicks.shape or len(a.recent) != len(b.recent):
        message = (
            "counts to add must have one shape and as many discounted copies: found "
            f"{a.clicks.shape} with "
            f"{len(a.recent)} and {b.clicks.shape} with {len(b.recent)}; pad the smaller one "
            "with zeros"
        )
        raise CountsError(message)
    return Counts(
        impressions=a.impressions + b.impressions,
        clicks=a.clicks + b.clicks,
        conversions=a.conversions + b.conversions,
        value=a.value + b.value,
        examined=a.examined + b.examined,
        pending=a.pending + b.pending,
        recent=tuple(add(x, y) for x, y in zip(a.recent, b.recent, strict=True)),
    )


def validate(counts: Counts) -> None:
    """Refuse counts that no log can have.

    Raises
    ------
    CountsError
        On an array that is not 2-d or differs in shape, NaN or infinity, a negative count, clicks
        or conversions above impressions, `examined` above impressions, or `pending` above
        `examined`.

    """
    shape = counts.impressions.shape
    for name in SUMS:
        array = getattr(counts, name)
        if array.ndim != 2 or array.shape != shape:
            message = (
                f"counts.{name} must be (n_segments, n_items) = {shape} like counts.impressions, "
                f"found {array.shape}"
            )
            raise CountsError(message)
        if not np.isfinite(array).all():
            raise CountsError(_where(name, ~np.isfinite(array), array, "must be finite"))
        if name != "value" and (array < 0).any():
            raise CountsError(_where(name, array < 0, array, "must not be negative"))
    for name, bound in (
        ("clicks", "impressions"),
        ("conversions", "impressions"),
        ("examined", "impressions"),
        ("pending", "examined"),
    ):
        array, limit = getattr(counts, name), getattr(counts, bound)
        above = array > limit * (1 + RELATIVE_TOLERANCE) + RELATIVE_TOLERANCE
        if above.any():
            raise CountsError(_where(name, above, array, f"must not exceed counts.{bound}"))
    for copy in counts.recent:
        if copy.impressions.shape != shape:
            message = (
                f"counts.recent must have the shape {shape} of the counts, found "
                f"{copy.impressions.shape}"
            )
            raise CountsError(message)
        validate(copy)


def rebase(
    array: NDArray[np.float64], old_ref_s: float, new_ref_s: float, half_life_s: float
) -> NDArray[np.float64]:
    """Discounted sums seen from another time: array * 2 ** ((old_ref_s - new_ref_s) / half_life_s).

    Parameters
    ----------
    array
        Sums seen from `old_ref_s`, any shape.
    old_ref_s, new_ref_s
        Reference times, in the unit of `half_life_s`; an earlier new one makes the numbers larger.
    half_life_s
        Time after which an event weighs half; infinity forgets nothing.

    Examples
    --------
    >>> rebase(np.array([8.0]), 0.0, 20.0, 10.0)
    array([2.])

    Raises
    ------
    CountsError
        If the half-life is not above zero.

    """
    if not half_life_s > 0:
        message = (
            f"half_life_s must be above 0, found {half_life_s}; use infinity to forget nothing"
        )
        raise CountsError(message)
    return np.asarray(array * 2.0 ** ((old_ref_s - new_ref_s) / half_life_s), dtype=np.float64)


def _where(name: str, bad: NDArray[np.bool_], array: NDArray[np.float64], rule: str) -> str:
    segment, item = (int(i) for i in np.argwhere(bad)[0])
    return (
        f"counts.{name} {rule}: found {array[segment, item]} at segment {segment}, item {item}; "
        "check the summing"
    )
