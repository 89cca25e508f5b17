"""Serving: prepare what the requests of one segment share, then compose a batch of slates from it.

    prepare(config, counts, segment, catalogue, now_s, rng) -> Snapshot     once per segment and
    change of counts
    compose(snapshot, requests, rng) -> [SlateResult]                       once per batch of
    requests

`why` of an item holds `mean` (posterior click rate), `impressions`, `prior`, `best` (its place's
mean in the posterior-mean slate, `bandits.slates.best_means`) and one entry per signal, so that the
score can be made again from the policy file's weights, normalised to sum 1 (w_objective, times
w_policy inside click):

    weighted     score = sum_i w_i why[i] + why["diversity"]
    rrf          score = sum_i w_i / (60 + why["rank_i"]) over ranks above 0, + why["diversity"]
    team_draft   score = 1 / (1 + place of the pick) + why["diversity"]; the team that picked has
                 why["team_i"] = 1
    pareto       score = 1/2 + atan(sum_i w_i why[i]) / pi - why["front"] + why["diversity"]

where `diversity` stands only with a diversity method. Signals: `thompson`, `ucb` (the KL-UCB
index), other policies by their names; `conversion`, `value`, `relevance`, `freshness` calibrated to
the click scale (`bandits.slates.objectives`). For a user the policies' scores are the user's
(`bandits.slates.personal`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bandits.arms import posterior_mean
from bandits.counts import Counts, CountsError, validate
from bandits.learning.priors import Beliefs, arm_view
from bandits.slates.best_means import with_best
from bandits.slates.config import SlateConfig
from bandits.slates.constraints import limits
from bandits.slates.law import Law, law_of_pool, law_of_rows
from bandits.slates.named import named_slate
from bandits.slates.objectives import Facts, click_scale
from bandits.slates.personal import (
    capped,
    is_personal,
    own_items,
    personal_slate,
    with_user,
)
from bandits.slates.pins import effective, merged, without
from bandits.slates.pool import make_pool
from bandits.slates.propensity import of_filtered
from bandits.slates.request import (
    Catalogue,
    Request,
    RequestError,
    SlateResult,
    check_catalogue,
    check_request,
)
from bandits.slates.segment import SegmentView, click_scorers, is_plain, scorers_of
from bandits.slates.slates_with_floor import of_law, of_pool
from bandits.slates.snapshot_pools import (
    LENGTHS,
    Items,
    Snapshot,
    eligible_for,
    pool_for,
    sample,
    weights_key,
    why_of,
)


def prepare(
    config: SlateConfig,
    counts: Counts,
    segment: int | None,
    catalogue: Catalogue,
    now_s: float,
    rng: np.random.Generator,
    beliefs: Beliefs | None = None,
    codes: Sequence[int] = (),
    totals: Counts | None = None,
) -> Snapshot:
    """Work out what the requests of one segment share.

    Parameters
    ----------
    config
        The policy file.
    counts, segment
        (n_segments, n_items) and the row; None is a segment that nobody has seen.
    catalogue
        The items, in the order of the counts' columns.
    now_s
        Seconds since the epoch, for freshness.
    rng
        Draws what policies need to be brought to one scale.
    beliefs
        What `bandits.learning.priors.learn(counts, config.priors, catalogue.learned_from)`
        returned: what all segments share, so that many segments of the same counts pay for it once.
        None works it out here.
    codes
        Values of the fields of a segment that nobody has seen, if `beliefs` know fields.
    totals
        Counts whose rows add up to those of all segments, where `counts` holds but some of them.

    Raises
    ------
    CountsError
        If the segment's counts are impossible (NaN, negative, clicks above impressions).
    ValueError
        If counts and catalogue differ in items, or the segment does not exist.

    """
    check_catalogue(counts, segment, catalogue)
    n_items, vectors = counts.impressions.shape[1], catalogue.vectors
    known = catalogue.learned_from
    arms = arm_view(counts, segment, config.priors, known, beliefs=beliefs, codes=codes)
    mean = posterior_mean(arms)  # (n_items,)
    if not np.isfinite(mean).all():
        validate(counts)
        message = (
            "counts must give every item a finite click rate, found NaN at item "
            f"{int(np.argmin(np.isfinite(mean)))}"
        )
        raise CountsError(message)
    scale = click_scale(arms, catalogue.available)
    impressions = np.zeros(n_items) if segment is None else counts.impressions[segment]
    view = SegmentView(
        config=config,
        arms=arms,
        facts=Facts(
            counts if totals is None else totals,
            arms,
            catalogue.first_seen_s,
            vectors,
            None,
            now_s,
            config.freshness_half_life_s,
        ),
        mean=mean,
        impressions=impressions,
        shown=catalogue.available,
        scale=scale,
        clicks=click_scorers(config, arms, catalogue.available, scale, rng),
        limits=limits(config, arms, impressions, catalogue.group),
        vectors=vectors,
        kept={},
        calibrated={},
        rng=rng.spawn(1)[0],
    )
    available = np.flatnonzero(catalogue.available).astype(np.int64)
    return Snapshot(view, available, {}, {}, [], {}, {}, [], {})


def compose(
    snapshot: Snapshot, requests: Sequence[Request], rng: np.random.Generator
) -> list[SlateResult]:
    """Slates for a batch of requests.

    Requests that differ in nothing but their length share a pool and are served together; an
    exclusion is a filter on the shared draws where the order of the others does not depend on it;
    anything else gets a pool of its own.

    What requests share is drawn by a generator of the snapshot's own, so the same request with a
    generator of the same seed gets the same slate, however many others came before. One result per
    request, in order, with min(k, eligible) items.

    Raises
    ------
    RequestError
        On what `check_request` refuses.

    """
    n_items, vectors = snapshot.view.mean.size, snapshot.view.vectors
    dimensions = None if vectors is None else vectors.shape[1]
    for request in requests:
        check_request(request, n_items, dimensions)
    pins = [effective(snapshot.view, request) for request in requests]
    asked = [capped(snapshot, without(*each)) for each in zip(requests, pins, strict=True)]
    rests = _compose(snapshot, asked, rng)
    return [merged(snapshot.view, rest, own) for rest, own in zip(rests, pins, strict=True)]


def _compose(
    snapshot: Snapshot, requests: Sequence[Request], rng: np.random.Generator
) -> list[SlateResult]:
    """Slates for requests without pins that were checked, with `best` in `why`."""
    results: list[SlateResult | None] = [None] * len(requests)
    shared: dict[tuple[object, ...], list[int]] = {}
    for i, request in enumerate(requests):
        if is_personal(snapshot.view, request):
            results[i] = personal_slate(snapshot, request, rng)
        elif request.candidates is not None and not _is_relevant(snapshot.view, request):
            named = named_slate(snapshot, request, rng)
            results[i] = None if named is None else with_user(snapshot, request, named)
        elif _shares_pool(snapshot, request):
            shared.setdefault((request.k, weights_key(request)), []).append(i)
            continue
        if results[i] is None:
            alone = _alone(snapshot, request, rng)
            results[i] = with_user(snapshot, request, with_best(snapshot, request, alone))
    for members in shared.values():
        request = requests[members[0]]
        pool = pool_for(snapshot, request, None, request.k)
        for i, result in zip(members, of_pool(snapshot, pool, requests, members, rng), strict=True):
            results[i] = with_user(snapshot, requests[i], with_best(snapshot, requests[i], result))
    return [result for result in results if result is not None]


def _shares_pool(snapshot: Snapshot, request: Request) -> bool:
    """Tell whether the request's slates are those of the segment: nothing asked for, or nothing
    that matters here.
    """
    if request.candidates is not None or _is_relevant(snapshot.view, request):
        return False
    if request.exclude.size == 0:
        return True
    # Items that cannot reach the slate anyway are excluded already, as long as no rank or limit
    # counts them.
    pool = pool_for(snapshot, request, None, request.k) if is_plain(snapshot.view) else None
    return pool is not None and not pool.holds[request.exclude].any()


def _is_relevant(view: SegmentView, request: Request) -> bool:
    """Tell whether a weight of relevance says something of the request's user."""
    if request.user_vector is None or view.vectors is None:
        return False
    objectives = request.objectives or dict(view.config.objectives)
    return objectives.get("relevance", 0.0) > 0


def _alone(snapshot: Snapshot, request: Request, rng: np.random.Generator) -> SlateResult:
    """Compose for a request with candidates, exclusions that matter, or a user."""
    view = snapshot.view
    personal = is_personal(view, request)
    own = personal or _is_relevant(view, request)
    excluded = np.unique(request.exclude)
    excluded = excluded[view.shown[excluded]]
    if request.candidates is None and not own and is_plain(view):
        found = _filtered(snapshot, request, excluded, rng)
        if found is not None:
            return of_law(snapshot, request, found[0], found[1], rng)
    eligible = eligible_for(snapshot, request)
    if not own:
        pool = pool_for(snapshot, request, eligible, request.k)
        return of_pool(snapshot, pool, [request], [0], rng)[0]
    objectives = request.objectives or dict(view.config.objectives)
    scorers = scorers_of(view, objectives, view.facts._replace(user=request.user_vector))
    if personal:
        eligible, scorers = own_items(snapshot, request, scorers)
    pool = make_pool(view, scorers, eligible, request.k, rng, single=True)
    result = sample(snapshot, pool, request.k, 1, rng)[0]
    return of_law(snapshot, request, result, law_of_pool(pool, request.k), rng)


def _filtered(
    snapshot: Snapshot, request: Request, excluded: Items, rng: np.random.Generator
) -> tuple[SlateResult, Law] | None:
    """One draw of the shared pool without the excluded items; None if that board
    cannot be shared.
    """
    places = request.k
    while True:
        pool = pool_for(snapshot, request, None, places)
        if pool.fixed_score is not None:
            return None
        # subtle: only excluded items that the pool holds can take a place; a deeper pool may hold
        # more of them.
        enough = request.k + int(pool.holds[excluded].sum())
        if enough <= pool.columns.shape[1] or pool.columns.shape[1] == snapshot.available.size:
            break
        places = enough
        if places > LENGTHS[-1]:
            return None
    places = min(enough, pool.columns.shape[1])
    barred = np.zeros(snapshot.view.shown.size, dtype=np.bool_)
    barred[excluded] = True
    keep = ~barred[pool.items][pool.columns[:, :places]]  # (n_draws, places)
    k = int(min(request.k, keep.sum(axis=1).min()))
    inside = keep & (np.cumsum(keep, axis=1) <= k)  # exactly k per draw
    columns = pool.columns[:, :places][inside].reshape(len(keep), k)  # (n_draws, k)
    row = int(rng.integers(columns.shape[0]))
    at = np.flatnonzero(inside[row])[None]  # (1, k) places of the shared slate that are left
    why = why_of(
        pool, columns[None, row], {name: part[row][at] for name, part in pool.placed.items()}
    )
    score = pool.score[row][at[0]]
    result = SlateResult(
        pool.items[columns[row]],
        score,
        of_filtered(columns, row),
        why[0],
        snapshot.view.config.policy,
    )
    return result, law_of_rows(pool.items[columns])


__all__ = ["Catalogue", "Request", "RequestError", "SlateResult", "Snapshot", "compose", "prepare"]
