"""Slates for a user: what is known of the user multiplies the odds of a click of every item, in
every draw.

    y_ar = m_a x_ar / (1 + (m_a - 1) x_ar)      x: a click policy's score, a rate; m_a = exp(u_a)
    u_a  = sum_i b_i f_ai, at most `MOST` either way    (`bandits.learning.user_effects`)

y stands in the places of x in everything else: the k best of each draw, the share of draws with an
item at a place as its propensity, the floor, limits and diversity. So the shown item's `why` has y
under its policy's name, `user` is u and `user_...` are the features, and the score is made of `why`
as ever; the policy's own x has the odds of y times exp(-user).

Of many items those are looked at that the segment's own scores put first, `SHORTLIST` of them: the
propensities are those of slates of these, and the floor's are over all. Requests of a file without
diversity and limits cost what the shortlist does (`bandits.slates.named` has the equations of the
rest).

`[repeats] cap`: what a user was shown so often without a click is excluded, most often shown first,
as far as a whole slate is left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bandits.arms import Floats
from bandits.learning.user_features import FEATURES, Space, Vectors, features, space_of
from bandits.slates.best_means import with_best
from bandits.slates.combine import NOT_A_RATE
from bandits.slates.floor import make_floor, random_result, share_of, without_limits
from bandits.slates.law import DrawnLaw
from bandits.slates.named import BUDGET, reachable_rows
from bandits.slates.odds import raised
from bandits.slates.reachable import weighted_bounds
from bandits.slates.request import Request, SlateResult, User
from bandits.slates.sample_cache import kept_rows, of_items
from bandits.slates.sampling import FEWEST_SINGLE, most_draws
from bandits.slates.segment import ITEMWISE, Scorer, SegmentView, is_plain, scorers_of
from bandits.slates.snapshot_pools import (
    Items,
    Shortlist,
    Snapshot,
    eligible_for,
    pool_for,
    weights_key,
)

# Items that a user's taste chooses among: features of so many cost 0.1 to 1 ms, by their
# dimensions, and an item beyond has a score far below what taste can make good.
SHORTLIST = 1024
KEPT_LISTS = 4  # of a snapshot: clients can invent any number of weights
NAMES = tuple(f"user_{name}" for name in FEATURES)  # in `why`
DIGITS = 4  # of features in `why`


def is_personal(view: SegmentView, request: Request) -> bool:
    """Tell whether something was learned that says anything of this user."""
    user = request.user
    if user is None or not view.config.users.learn or not user.effects.some:
        return False
    return (request.objectives or dict(view.config.objectives)).get("click", 0.0) > 0


def capped(snapshot: Snapshot, request: Request) -> Request:
    """The request without what its user was shown too often."""
    cap, user = snapshot.view.config.repeats.cap, request.user
    if cap is None or user is None:
        return request
    times = user.history.repeats(snapshot.view.config.repeats.window_s)
    often = times >= cap
    if not often.any():
        return request
    eligible = eligible_for(snapshot, request)
    order = np.argsort(-times[often], kind="stable")
    barred = user.history.items[often][order]
    at = np.minimum(np.searchsorted(eligible, barred), max(eligible.size - 1, 0))
    barred = barred[eligible[at] == barred] if eligible.size else barred[:0]
    barred = barred[: max(eligible.size - request.k, 0)]
    return request._replace(exclude=np.union1d(request.exclude, barred))


def log_odds(snapshot: Snapshot, request: Request, own: Floats) -> Floats:
    """U of items with features `own` (n, 3), (n,); who weighs relevance itself has no other."""
    if request.user is None:
        return np.zeros(len(own))
    effects = request.user.effects
    objectives = request.objectives or dict(snapshot.view.config.objectives)
    if objectives.get("relevance", 0.0) > 0:
        own = own * [name != "relevance" for name in FEATURES]
    return effects.log_odds(own)


def user_features(
    snapshot: Snapshot, user: User, items: Items, rows: Vectors | None = None
) -> Floats:
    """Features of items (n,), (n, 3)."""
    window_s = snapshot.view.config.repeats.window_s
    return features(user.history, _space(snapshot), items, window_s, rows)


def with_user(snapshot: Snapshot, request: Request, result: SlateResult) -> SlateResult:
    """The slate, with the features of its items in `why`, those that say something."""
    user = request.user
    if user is None or not result.items.size:
        return result
    own = user_features(snapshot, user, result.items)  # (k, 3)
    personal = is_personal(snapshot.view, request)
    u = log_odds(snapshot, request, own) if personal else np.zeros(len(own))
    _put(result.why, own, u)
    return result


def own_items(
    snapshot: Snapshot, request: Request, scorers: Sequence[Scorer]
) -> tuple[Items, tuple[Scorer, ...]]:
    """Items that a user's slate is made of, and the scorers with the user's odds."""
    view = snapshot.view
    items, vectors = shortlist(snapshot, request, scorers)
    odds = np.ones(view.mean.size)
    if request.user is not None:
        own = user_features(snapshot, request.user, items, vectors)
        odds[items] = np.exp(log_odds(snapshot, request, own))
    clicks = {each.name for each in view.clicks}
    return items, tuple(_for_user(v, odds) if v.name in clicks else v for v in scorers)


def shortlist(snapshot: Snapshot, request: Request, scorers: Sequence[Scorer]) -> Shortlist:
    """Items that a user's slate is made of: all that are eligible, or those whose scores may be
    highest, and where limits bind also what slates of everybody are made of.
    """
    if request.candidates is not None:
        return _shortlist(snapshot, request, scorers, eligible_for(snapshot, request))
    key = weights_key(request)
    found = snapshot.personal.get(key)
    if found is None:
        found = _shortlist(snapshot, request, scorers, snapshot.available)
        if len(snapshot.personal) >= KEPT_LISTS:
            del snapshot.personal[next(iter(snapshot.personal))]
        snapshot.personal[key] = found
    if not request.exclude.size:
        return found
    left = ~np.isin(found.items, request.exclude)
    if np.count_nonzero(left) < min(found.items.size, 2 * request.k):
        return _shortlist(snapshot, request, scorers, eligible_for(snapshot, request))
    return Shortlist(found.items[left], None if found.rows is None else found.rows[left])


def _shortlist(
    snapshot: Snapshot, request: Request, scorers: Sequence[Scorer], eligible: Items
) -> Shortlist:
    some = eligible
    if eligible.size > SHORTLIST:
        bounds = weighted_bounds(scorers, eligible)
        high = snapshot.view.mean[eligible] if bounds is None else bounds[1]
        some = eligible[np.argpartition(-high, SHORTLIST)[:SHORTLIST]]
        if not is_plain(snapshot.view):
            pool = pool_for(snapshot, request, None, request.k)
            some = np.union1d(some, pool.items[np.isin(pool.items, eligible)])
        some = np.sort(some)
    space = _space(snapshot)
    return Shortlist(some, None if space is None else space.of(some))


def personal_slate(
    snapshot: Snapshot, request: Request, rng: np.random.Generator
) -> SlateResult | None:
    """The slate of a request with a user; None where it is to go the general way."""
    view, user = snapshot.view, request.user
    objectives = request.objectives or dict(view.config.objectives)
    if user is None or not is_plain(view) or objectives.get("relevance", 0.0) > 0:
        return None
    scorers = scorers_of(view, objectives, view.facts)
    drawn = [scorer for scorer in scorers if scorer.policy is not None]
    policy = drawn[0].policy if len(drawn) == 1 else None
    if policy is None or policy.name not in ITEMWISE or policy.name in NOT_A_RATE:
        return None
    items, vectors = shortlist(snapshot, request, scorers)  # (m,), (m, d)
    k = min(request.k, items.size)
    if k == 0:
        return None
    most = most_draws(view, single=True)

    def make(missing: Items) -> Floats:
        return policy.draws(of_items(view.arms, missing), view.rng, most).T

    kept, rows = kept_rows(view.kept, policy.name, view.mean.size, items, most, make)
    own = user_features(snapshot, user, items, vectors)  # (m, 3)
    u = log_odds(snapshot, request, own)  # (m,)
    odds = np.exp(u)
    clicks = {each.name for each in view.clicks}
    rest = np.zeros(items.size)  # what no draw changes
    for v in scorers:
        if v.fixed is not None:
            fixed = v.fixed[items]
            rest += v.weight * (raised(fixed, odds) if v.name in clicks else fixed)
    weight = drawn[0].weight
    low = rest + weight * raised(kept.low[rows], odds)
    high = rest + weight * raised(kept.high[rows], odds)
    some = reachable_rows(low, high, k)  # (s,)
    n = min(max(BUDGET // some.size, FEWEST_SINGLE), most)
    theta = kept.values.take(rows[some], axis=0)[:, :n]  # (s, n)
    theta = raised(theta, odds[some, None])
    x = weight * theta + rest[some, None]
    ordered = x.T.astype(np.float32, order="C")  # (n, s)
    ordered.sort(axis=1)
    tops = ordered[:, : -k - 2 : -1].T.copy()  # (k + 1, n), best first
    if np.count_nonzero(tops[1:] == tops[:-1]):
        return None
    row = int(rng.random() * n)
    order = x[:, row].argsort()[: -k - 1 : -1]  # (k,)
    shown, score = items[some[order]], x[order, row]
    law = DrawnLaw(items[some], x, tops[:k])
    share = share_of(view.config, k)
    at, inside = law.of_columns(order)
    if share > 0:
        n_eligible = eligible_for(snapshot, request).size
        at = without_limits(view.config, k, n_eligible, at, inside)
    why = _why(view, scorers, shown, theta[order, row], odds[some[order]])
    _put(why, own[some[order]], u[some[order]])
    result = SlateResult(shown, score, at, why, view.config.policy)
    if share == 0 or rng.random() >= share:
        return with_best(snapshot, request, result)
    floor = make_floor(view.config, None, eligible_for(snapshot, request), law, view.rng)
    result = with_best(snapshot, request, random_result(view, result, floor, rng))
    return with_user(snapshot, request, result)


def _why(
    view: SegmentView, scorers: Sequence[Scorer], shown: Items, drawn: Floats, odds: Floats
) -> list[dict[str, float]]:
    """What the scores of a slate were made of."""
    clicks = {each.name for each in view.clicks}
    columns: dict[str, Floats] = {
        "mean": view.mean[shown],
        "impressions": view.impressions[shown],
        "prior": view.arms.prior_mean[shown],
    }
    for v in scorers:
        if v.fixed is None:
            columns[v.name] = drawn
        else:
            fixed = v.fixed[shown]
            columns[v.name] = raised(fixed, odds) if v.name in clicks else fixed
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _put(why: list[dict[str, float]], own: Floats, u: Floats) -> None:
    """Features (k, 3) and log-odds (k,) into `why`, those that say something."""
    for parts, row, total in zip(why, own.tolist(), u.tolist(), strict=True):
        if total and "floor" not in parts:
            parts["user"] = total
        for name, value in zip(NAMES, row, strict=True):
            if rounded := round(value, DIGITS):
                parts[name] = rounded


def _for_user(scorer: Scorer, odds: Floats) -> Scorer:
    if scorer.policy is not None and scorer.policy.name in NOT_A_RATE:
        return scorer
    low, high, fixed = (
        None if own is None else raised(own, odds)
        for own in (scorer.low, scorer.high, scorer.fixed)
    )
    return scorer._replace(low=low, high=high, fixed=fixed, odds=odds)


def _space(snapshot: Snapshot) -> Space | None:
    vectors = snapshot.view.vectors
    if vectors is None:
        return None
    if not snapshot.space:
        snapshot.space.append(space_of(vectors))
    return snapshot.space[0]
