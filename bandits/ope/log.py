"""A log of slates that a known policy showed: what every off-policy estimator reads.

One row is one shown item. Rows of one slate share `slate`; a log of single decisions (Open Bandit
Dataset) has one row per slate. `propensity` is the probability that the logging policy put this
item at this position, as CONTRACT.md says.

Wrong tool when the propensities are not those of the policy that really chose: no estimator can
tell, all will be wrong.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

REWARDS = ("click", "conversion", "value")


class LogError(ValueError):
    """The log cannot be judged as it is: the message says what was expected, what was found and
    what to do.
    """


class Log(NamedTuple):
    """Logged impressions with feedback, one array per column, all (n,)."""

    slate: I64  # index of the slate, any integers >= 0; equal for the rows of one slate
    position: I64  # place in the slate, from 0
    item: I64  # 0 .. n_items - 1
    segment: I64  # 0 .. n_segments - 1
    propensity: F64  # in (0, 1]
    click: F64  # 0 or 1
    conversion: F64  # 0 or 1
    value: F64  # what the clicks and conversions of this row earned
    time_s: F64  # when it was shown; orders the log


class Shape(NamedTuple):
    """How many segments, positions and items there are; a log may lack some of them."""

    n_segments: int
    n_positions: int
    n_items: int


class LoadedLog(NamedTuple):
    """A log that was read from files, with the names behind its indices."""

    log: Log
    items: list[str]  # name of item 0, 1, ...
    segments: list[str]  # name of segment 0, 1, ...
    shape: Shape


def shape_of(log: Log) -> Shape:
    """Return the smallest shape that holds every row of `log`."""
    return Shape(int(log.segment.max()) + 1, int(log.position.max()) + 1, int(log.item.max()) + 1)


def take(log: Log, rows: NDArray[np.bool_] | I64) -> Log:
    """Return the chosen rows of every column, in the order of `rows`."""
    return Log._make(column[rows] for column in log)


def reward_of(log: Log, name: str) -> F64:
    """Return the column that counts as reward: `click`, `conversion` or `value`; (n,).

    Raises
    ------
    LogError
        `name` is not a reward.
    """
    if name not in REWARDS:
        msg = f"expected a reward out of {', '.join(REWARDS)}, found {name!r}"
        raise LogError(msg)
    column: F64 = getattr(log, name)
    return column


def split(log: Log, share: float) -> tuple[Log, Log]:
    """Cut the log in time: the first `share` of the slates to learn from, the rest to judge on.

    A slate is never cut in two, and is as old as its first row. A larger `share` gives a better
    fitted policy and a wider interval.

    Raises
    ------
    LogError
        One of the two parts would be empty.
    """
    slates, row_slate = np.unique(log.slate, return_inverse=True)  # (m,), (n,)
    first_s = np.full(slates.size, np.inf)  # (m,)
    np.minimum.at(first_s, row_slate, log.time_s)
    order = np.argsort(first_s, kind="stable")  # (m,)
    n_train = round(share * slates.size)
    if not 0 < n_train < slates.size:
        msg = (
            f"expected a share that leaves slates on both sides, found {share:g} of {slates.size} "
            "slates"
        )
        raise LogError(msg)
    is_train = np.zeros(slates.size, dtype=bool)
    is_train[order[:n_train]] = True
    return take(log, is_train[row_slate]), take(log, ~is_train[row_slate])


def validate(log: Log, shape: Shape | None = None) -> None:
    """Refuse a log that would give a wrong answer in silence.

    Raises
    ------
    LogError
        The log is empty, columns differ in length, a number is NaN or infinite, a propensity is
        outside (0, 1], an index is negative or outside `shape`, a click or conversion is not 0 or
        1, or a slate shows one item or fills one position twice.
    """
    sizes = {name: column.shape for name, column in zip(log._fields, log, strict=True)}
    if log.slate.ndim != 1 or len(set(sizes.values())) != 1:
        msg = f"expected columns of one length, found {sizes}"
        raise LogError(msg)
    if log.slate.size == 0:
        msg = (
            "expected at least one impression, found an empty log; check the filter or the file "
            "that it came from"
        )
        raise LogError(msg)
    _check_numbers(log)
    _check_indices(log, shape)
    slate = np.unique(log.slate, return_inverse=True)[1]  # (n,) 0 .. m - 1
    for name in ("item", "position"):
        column: I64 = getattr(log, name)  # (n,)
        if np.unique(slate * (column.max() + 1) + column).size != column.size:
            msg = (
                f"expected every {name} once per slate, found one twice; drop repeated impressions "
                "before judging"
            )
            raise LogError(msg)


def _check_numbers(log: Log) -> None:
    missing = ~np.isfinite(log.propensity)  # (n,)
    if missing.any():
        msg = (
            f"expected a propensity on every impression, found none on {int(missing.sum())} of "
            f"{missing.size} (first: row "
            f"{int(missing.argmax())}); log the probability with which the shown item was "
            "chosen, or leave those rows out"
        )
        raise LogError(msg)
    outside = (log.propensity <= 0) | (log.propensity > 1)  # (n,)
    if outside.any():
        row = int(outside.argmax())
        msg = (
            f"expected propensities in (0, 1], found {log.propensity[row]:g} in row {row} "
            f"({int(outside.sum())} such rows); "
            "an item that was shown had a probability above 0"
        )
        raise LogError(msg)
    for name in ("click", "conversion", "value", "time_s"):
        bad = ~np.isfinite(getattr(log, name))
        if bad.any():
            msg = (
                f"expected finite numbers in {name}, found {getattr(log, name)[bad][0]} in row "
                f"{int(bad.argmax())}"
            )
            raise LogError(msg)
    for name in ("click", "conversion"):
        bad = ~np.isin(getattr(log, name), (0.0, 1.0))
        if bad.any():
            msg = (
                f"expected 0 or 1 in {name}, found {getattr(log, name)[bad][0]:g} in row "
                f"{int(bad.argmax())}"
            )
            raise LogError(msg)


def _check_indices(log: Log, shape: Shape | None) -> None:
    limits: dict[str, int | None] = {"segment": None, "position": None, "item": None, "slate": None}
    if shape is not None:
        limits |= {
            "segment": shape.n_segments,
            "position": shape.n_positions,
            "item": shape.n_items,
        }
    for name, limit in limits.items():
        column: I64 = getattr(log, name)
        if column.min() < 0 or (limit is not None and column.max() >= limit):
            found = int(column.min()) if column.min() < 0 else int(column.max())
            msg = f"expected {name} from 0 to {'n' if limit is None else limit - 1}, found {found}"
            raise LogError(msg)
