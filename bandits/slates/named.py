"""Slates of named candidates: some hundreds of items that a request brings along, at a cost that
follows their number and not the catalogue's.

    x_ar = w theta_ar + f_a                 kept draw r of item a, and what no draw changes
    T    = k-th largest of min_r x_ar       in every draw the k best have at least T
    S    = { a : max_r x_ar >= T }          what may be in the slate of any draw
    p(a, j) = share of the n draws with a at place j of S

The slate is one of the very n draws, taken uniformly, so p is its probability given the draws,
whatever n is: fewer draws make one snapshot's slates fewer, and nothing wrong. Against p of
endlessly many draws its standard error is sqrt(p (1 - p) / n), with n = 64 at most 0.06. The places
of the shown items in all draws are read off the sorted scores, without an order of each draw.

For the plain weighted average of one drawn policy and fixed signals; other files, and requests with
a user's relevance, go the general way (`bandits.slates.pool`), as do draws that are equal where it
matters.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from bandits.arms import Floats
from bandits.slates.floor import make_floor, random_result, share_of, without_limits
from bandits.slates.law import DrawnLaw
from bandits.slates.named_signals import NamedSignals, named_signals, scores_of, why_of_named
from bandits.slates.request import Request, SlateResult
from bandits.slates.sample_cache import kept_rows
from bandits.slates.sampling import FEWEST_SINGLE, most_draws
from bandits.slates.snapshot_pools import Items, Snapshot, eligible_for, weights_key

# More candidates have pools of their own, which are kept: a sort of so many takes 0.3 ms.
MOST_NAMED = 2048
# Sets of weights whose scores a snapshot keeps, up to 64 MiB each: the file's, and the last that a
# request brought. Clients can invent as many as they like.
KEPT_WEIGHTS = 2
# Scores that are sorted for one request, at least FEWEST_SINGLE draws: 64 draws of a hundred items
# that can reach the slate are 30 us. More is finer propensities.
BUDGET = 6400


def named_slate(
    snapshot: Snapshot, request: Request, rng: np.random.Generator
) -> SlateResult | None:
    """The slate of a request that names candidates and has no user, with `best` in `why`; None
    where it is to go the general way.
    """
    if request.candidates is None or request.candidates.size > MOST_NAMED:
        return None
    signals = _signals(snapshot, request)
    items = eligible_for(snapshot, request)  # (m,)
    k = min(request.k, items.size)
    if signals is None or k == 0:
        return None
    view = snapshot.view
    most = most_draws(view, single=True)
    make = partial(scores_of, view, signals, most)
    own, rows = kept_rows(view.kept, signals.table, view.mean.size, items, most, make)
    kept = reachable_rows(own.low[rows], own.high[rows], k)  # (s,)
    n = min(max(BUDGET // kept.size, FEWEST_SINGLE), most)
    x = own.values.take(rows[kept], axis=0)[:, :n]  # (s, n)
    ordered = x.T.astype(np.float32, order="C")  # (n, s)
    ordered.sort(axis=1)
    tops = ordered[:, : -k - 2 : -1].T.copy()  # (k + 1, n), best first
    if np.count_nonzero(tops[1:] == tops[:-1]):
        return None
    row = int(rng.random() * n)
    order = x[:, row].argsort()[: -k - 1 : -1]  # (k,)
    shown, score = items[kept[order]], x[order, row]
    law = DrawnLaw(items[kept], x, tops[:k])
    best = view.mean[items]
    best.sort()
    best = best[: -k - 1 : -1]  # (k,)
    why = why_of_named(view, signals, shown, score, best)
    share = share_of(view.config, k)
    at, inside = law.of_columns(order)
    if share > 0:
        at = without_limits(view.config, k, items.size, at, inside)
    result = SlateResult(shown, score, at, why, signals.served_by)
    if share == 0 or rng.random() >= share:
        return result
    floor = make_floor(view.config, None, items, law, view.rng)
    result = random_result(view, result, floor, rng)
    for parts, each in zip(result.why, best.tolist(), strict=True):
        parts["best"] = each
    return result


def _signals(snapshot: Snapshot, request: Request) -> NamedSignals | None:
    """Signals of the request's weights, worked out once per snapshot."""
    key = weights_key(request)
    if key in snapshot.signals:
        return snapshot.signals[key]
    view = snapshot.view
    own = [each for each in snapshot.signals if each is not None]  # the file's stay
    if key is not None and len(own) >= KEPT_WEIGHTS - 1:
        oldest = snapshot.signals.pop(own[0])
        if oldest is not None:
            view.kept.pop(oldest.table, None)
    found = named_signals(view, request.objectives or dict(view.config.objectives), key)
    snapshot.signals[key] = found
    return found


def reachable_rows(low: Floats, high: Floats, k: int) -> Items:
    """Which candidates can be in a slate of k of any draw: positions, ascending, (s,); `low` is
    used up.
    """
    low.partition(low.size - k)
    found: Items = (high >= low[-k]).nonzero()[0]
    return found
