"""What a log never shows and the policy under test would use: nothing can be said of it, and an
estimate that is silent about it is wrong.

    U_c = sum over the items a that cell c never shows of pi(a | c)      the policy's mass on them
    q_c = (f_c + 3) / n_c                                                the log's, at most

c is a position, or a position in a segment; n_c its rows, f_c the items that it shows once. q is
Good and Turing's estimate of the mass of what was not seen, plus the three rows in n that a mass
may have and still not be seen with 95%. A cell counts as lacking when U_c is more than `TIMES` q_c:
by chance, a log that shows everything now and then leaves items out too, and its weights make up
for that.

Propensities may say otherwise: over a log that has the floor that it says, the weights of a policy
average 1, however seldom it shows what the policy wants, and 1 - U where it never does. So a cell
that seems to lack is none where the average weight is nearer to 1 than to 1 - U, and above 1 - U by
more than `SURE` standard errors: the few rows there are then stand for it.

Good (1953), The Population Frequencies of Species and the Estimation of Population Parameters.
Wrong tool for a log that shows what the policy wants, only too rarely: that is for the effective
rows (`bandits.ope.ess`) to say.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bandits.ope.ess import TooLittleData, average_weight
from bandits.ope.log import F64, I64, Log, LogError

# a policy that wants the unseen ten times as often as the log may show it waits for weights above
# ten
TIMES = 10.0
# of the policy's slots; less moves an estimate by less than its interval is wide
LEAST_SHARE = 0.01
SURE = 3.0
NAMED = 3  # items that are named, those that the policy wants most


class NotShown(TooLittleData):
    """The log never shows what the policy wants; more rows of this kind do not help."""


class Unseen(NamedTuple):
    """What a policy would show and the log never does.

    Attributes
    ----------
    positions
        Places of the slate that no row has.
    items
        Those that the policy wants most, first.
    share
        Part of the policy's slots that is concerned.
    """

    positions: list[int]
    items: list[int]
    share: float


def check_positions(log: Log) -> None:
    """Refuse a log in which a place of the slate is never shown: every policy would fill it.

    Raises
    ------
    LogError
        With positions that count from 1 as the likely cause, where they do.
    """
    found = np.unique(log.position)  # (p,) sorted
    if found.size == found[-1] + 1:
        return
    if found[0] == 1 and found.size == found[-1]:
        msg = (
            f"expected positions from 0, found 1 to {found[-1]} and never 0: a policy fills "
            "position 0 first, and a log that counts from 1 is the likely cause; give "
            "--first-position 1, or count from 0"
        )
        raise LogError(msg)
    missing = np.setdiff1d(np.arange(found[-1] + 1), found)
    hint = "" if found[0] == 0 else f"; if the log counts from {found[0]}, give --first-position"
    msg = (
        f"expected every position from 0 to {found[-1]}, found no row at {few(missing)}: a policy "
        f"would fill it, and nothing can be said of that; leave the positions beyond out{hint}"
    )
    raise LogError(msg)


def check_room(n_positions: int, n_items: int) -> None:
    """Refuse a log with fewer items than places.

    Raises
    ------
    LogError
        A policy could not fill the slate.
    """
    if n_positions > n_items:
        msg = (
            f"expected at least as many items as places in a slate, found {n_items} items and "
            f"positions up to {n_positions - 1} ({n_positions} places): a policy shows an item "
            "once per slate; check that positions count from 0 (--first-position), and that the "
            "log holds every item"
        )
        raise LogError(msg)


def unseen(log: Log, table: F64) -> Unseen:
    """Find what the log never shows of a policy's table (n_segments, n_positions, n_items)."""
    n_items = table.shape[2]
    cell = (log.segment * table.shape[1] + log.position) * n_items + log.item  # (n,)
    # (n_segments, n_positions, n_items)
    shown = np.bincount(cell, minlength=table.size).reshape(table.shape)
    rows = shown.sum(axis=2)  # (n_segments, n_positions)
    at_position = rows.sum(axis=0)  # (n_positions,)
    missing = np.flatnonzero(at_position == 0)
    traffic = rows / np.maximum(at_position, 1)  # (n_segments, n_positions) of each position
    averaged = np.einsum("sl,sla->la", traffic, table)  # (n_positions, n_items)
    lacks = (
        _lacking(shown.reshape(-1, n_items), table.reshape(-1, n_items)),
        _lacking(shown.sum(axis=0), averaged),
    )
    wanted = max(lacks, key=lambda lack: float(lack.sum()))  # (n_items,) rows
    order = [int(item) for item in np.argsort(-wanted) if wanted[item] > 0]
    share = float(wanted.sum()) / log.item.size
    if missing.size:
        share = max(share, missing.size / table.shape[1])
    return Unseen([int(position) for position in missing], order, share)


def check_support(log: Log, table: F64, names: Sequence[str] = ()) -> None:
    """Refuse a policy that wants what the log never shows.

    Parameters
    ----------
    log
        The rows to judge on.
    table
        Of the policy, (n_segments, n_positions, n_items).
    names
        Of the items; none: their numbers are said.

    Raises
    ------
    NotShown
        With what is never shown, and the share of the policy's slots that want it.
    """
    found = unseen(log, table)
    if found.share < LEAST_SHARE or (not found.positions and _vouched(log, table, found.share)):
        return
    if found.positions:
        what = f"position {few(found.positions)}"
    else:
        named = [names[item] if names else item for item in found.items]
        what = f"{'item' if len(named) == 1 else 'items'} {few(named)}"
    where = "" if found.positions else " where the policy would"
    reason = (
        f"the log never shows {what}{where}: {found.share:.0%} of this policy's slots, of which "
        "nothing can be said"
    )
    rows = log.item.size
    raise NotShown(reason, rows, math.ceil(rows / max(1 - found.share, 1e-6)))


def _vouched(log: Log, table: F64, share: float) -> bool:
    """Whether the weights say that the log shows some of the share that it seems to lack."""
    weight = table[log.segment, log.position, log.item] / log.propensity  # (n,)
    slate = np.unique(log.slate, return_inverse=True)[1]  # (n,)
    mean, error = average_weight(weight, slate)
    return mean > 1 - share / 2 and mean - (1 - share) > SURE * error


def _lacking(shown: I64, mass: F64) -> F64:
    """Rows that want each item in cells that lack it; (n_cells, n_items) both -> (n_items,)."""
    rows = shown.sum(axis=1)  # (n_cells,)
    on_unseen = np.where(shown == 0, mass, 0.0)  # (n_cells, n_items)
    bound = ((shown == 1).sum(axis=1) + 3) / np.maximum(rows, 1)  # (n_cells,)
    lacks = (rows > 0) & (on_unseen.sum(axis=1) > TIMES * bound)  # (n_cells,)
    wanted: F64 = (rows * lacks) @ on_unseen
    return wanted


def few(found: Sequence[object] | I64) -> str:
    """Name the first few, and say how many more there are."""
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(str(each) for each in found[:NAMED]) + more
