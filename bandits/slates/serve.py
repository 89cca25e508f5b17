"""Serving: prepare what the requests of one segment share, then compose a batch of slates from it.

    prepare(config, counts, segment, catalogue, now_s, rng) -> Snapshot     once per segment and
    change of counts
    compose(snapshot, requests, rng) -> [SlateResult]                       once per batch of
    requests

`why` of an item holds `mean` (posterior click rate), `impressions`, `prior` and one entry per
signal, so that the score can be made again from the weights of the policy file, normalised to sum 1
(w_objective, times w_policy inside click):

    weighted     score = sum_i w_i why[i] + why["diversity"]
    rrf          score = sum_i w_i / (60 + why["rank_i"]) over ranks above 0, + why["diversity"]
    team_draft   score = 1 / (1 + place of the pick) + why["diversity"]; the team that picked has
                 why["team_i"] = 1
    pareto       score = 1/2 + atan(sum_i w_i why[i]) / pi - why["front"] + why["diversity"]

where `diversity` stands only with a diversity method. Signals: `thompson`, `ucb` (the KL-UCB
index), other policies by their names; `conversion`, `value`, `relevance`, `freshness` calibrated to
the click scale (`bandits.slates.objectives`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats, posterior_mean
from bandits.counts import Counts, CountsError, validate
from bandits.learning.priors import Beliefs, arm_view
from bandits.slates.config import SlateConfig
from bandits.slates.constraints import limits
from bandits.slates.objectives import Facts, click_scale
from bandits.slates.pool import Board, make_board
from bandits.slates.propensity import draw_ties, of_filtered
from bandits.slates.request import (
    Catalogue,
    Request,
    RequestError,
    SlateResult,
    check_catalogue,
    check_request,
)
from bandits.slates.segment import SegmentView, click_voices, voices_of

# Slates are drawn for these many places, and shorter ones are their beginnings: requests of all
# lengths then share a few boards. Floors are filled from the last place, so with them every length
# has a board of its own.
LENGTHS = (10, 25, 50, 100, 200)
# Boards of candidate lists kept per snapshot: a category page asks with the same list again and
# again.
KEPT_BOARDS = 64

Items = NDArray[np.int64]


class Snapshot(NamedTuple):
    """A segment at one time, and the boards made of it so far.

    Boards, kept draws and calibrated objectives are caches; nothing else changes.
    """

    view: SegmentView
    available: Items
    boards: dict[tuple[object, ...], Board]


def prepare(
    config: SlateConfig,
    counts: Counts,
    segment: int | None,
    catalogue: Catalogue,
    now_s: float,
    rng: np.random.Generator,
    beliefs: Beliefs | None = None,
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
        What `bandits.learning.priors.learn(counts, config.priors, catalogue.vectors)` returned:
        what all segments share, so that many segments of the same counts pay for it once. None
        works it out here.

    Raises
    ------
    CountsError
        If the segment's counts are impossible (NaN, negative, clicks above impressions).
    ValueError
        If counts and catalogue differ in items, or the segment does not exist.

    """
    check_catalogue(counts, segment, catalogue)
    n_items, vectors = counts.impressions.shape[1], catalogue.vectors
    arms = arm_view(counts, segment, config.priors, cast("Floats | None", vectors), beliefs=beliefs)
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
            counts, arms, catalogue.first_seen_s, vectors, None, now_s, config.freshness_half_life_s
        ),
        mean=mean,
        impressions=impressions,
        shown=catalogue.available,
        scale=scale,
        clicks=click_voices(config, arms, catalogue.available, scale, rng),
        limits=limits(config, arms, impressions, catalogue.group),
        vectors=vectors,
        kept={},
        calibrated={},
    )
    return Snapshot(view, np.flatnonzero(catalogue.available).astype(np.int64), {})


def compose(
    snapshot: Snapshot, requests: Sequence[Request], rng: np.random.Generator
) -> list[SlateResult]:
    """Slates for a batch of requests.

    Requests that differ in nothing but their length share a board and are served together; an
    exclusion is a filter on the shared draws where the order of the others does not depend on it;
    anything else gets a board of its own.

    Returns
    -------
    One result per request, in order, with min(k, eligible) items.

    Raises
    ------
    RequestError
        On an item that does not exist, an unknown objective, a user vector of another length, or a
        negative k.

    """
    n_items, vectors = snapshot.view.mean.size, snapshot.view.vectors
    dimensions = None if vectors is None else vectors.shape[1]
    results: list[SlateResult | None] = [None] * len(requests)
    shared: dict[tuple[object, ...], list[int]] = {}
    for i, request in enumerate(requests):
        check_request(request, n_items, dimensions)
        if _shares_board(snapshot, request, rng):
            shared.setdefault((request.k, _weights_key(request)), []).append(i)
        else:
            results[i] = _alone(snapshot, request, rng)
    for members in shared.values():
        request = requests[members[0]]
        board = _board(snapshot, request, None, request.k, rng)
        for i, result in zip(
            members, _deal(snapshot, board, request.k, len(members), rng), strict=True
        ):
            results[i] = result
    return [result for result in results if result is not None]


def _shares_board(snapshot: Snapshot, request: Request, rng: np.random.Generator) -> bool:
    """Tell whether the request's slates are those of the segment: nothing asked for, or nothing
    that matters here.
    """
    if request.candidates is not None or _is_personal(snapshot.view, request):
        return False
    if request.exclude.size == 0:
        return True
    # Items that cannot reach the slate anyway are excluded already, as long as no rank or limit
    # counts them.
    board = _board(snapshot, request, None, request.k, rng) if _is_plain(snapshot.view) else None
    return board is not None and not board.holds[request.exclude].any()


def _is_plain(view: SegmentView) -> bool:
    """Tell whether leaving out an item leaves the order of the others as it is."""
    return (
        view.config.combiner == "weighted"
        and view.limits is None
        and view.config.diversity.kind == "none"
    )


def _is_personal(view: SegmentView, request: Request) -> bool:
    objectives = request.objectives or dict(view.config.objectives)
    return (
        request.user_vector is not None
        and view.vectors is not None
        and objectives.get("relevance", 0.0) > 0
    )


def _alone(snapshot: Snapshot, request: Request, rng: np.random.Generator) -> SlateResult:
    """Compose for a request with candidates, exclusions that matter, or a user."""
    view = snapshot.view
    personal = _is_personal(view, request)
    excluded = np.unique(request.exclude)
    excluded = excluded[view.shown[excluded]]
    if request.candidates is None and not personal and _is_plain(view):
        result = _filtered(snapshot, request, excluded, rng)
        if result is not None:
            return result
    eligible = snapshot.available
    if request.candidates is not None:
        eligible = np.unique(request.candidates)
        eligible = eligible[view.shown[eligible]]
    if excluded.size:
        eligible = np.setdiff1d(eligible, excluded, assume_unique=True)
    if personal:
        objectives = request.objectives or dict(view.config.objectives)
        voices = voices_of(view, objectives, view.facts._replace(user=request.user_vector))
        board = make_board(view, voices, eligible, request.k, rng, single=True)
    else:
        board = _board(snapshot, request, eligible, request.k, rng)
    return _deal(snapshot, board, request.k, 1, rng)[0]


def _filtered(
    snapshot: Snapshot, request: Request, excluded: Items, rng: np.random.Generator
) -> SlateResult | None:
    """One draw of the shared board without the excluded items; None if that board
    cannot be shared.
    """
    places = request.k
    while True:
        board = _board(snapshot, request, None, places, rng)
        if board.fixed_score is not None:
            return None
        # subtle: only excluded items that the board holds can take a place; a deeper board may hold
        # more of them.
        enough = request.k + int(board.holds[excluded].sum())
        if enough <= board.columns.shape[1] or board.columns.shape[1] == snapshot.available.size:
            break
        places = enough
        if places > LENGTHS[-1]:
            return None
    places = min(enough, board.columns.shape[1])
    barred = np.zeros(snapshot.view.shown.size, dtype=np.bool_)
    barred[excluded] = True
    keep = ~barred[board.items][board.columns[:, :places]]  # (n_draws, places)
    k = int(min(request.k, keep.sum(axis=1).min()))
    inside = keep & (np.cumsum(keep, axis=1) <= k)  # exactly k per draw
    columns = board.columns[:, :places][inside].reshape(len(keep), k)  # (n_draws, k)
    row = int(rng.integers(columns.shape[0]))
    at = np.flatnonzero(inside[row])[None]  # (1, k) places of the shared slate that are left
    why = _why(
        board, columns[None, row], {name: part[row][at] for name, part in board.placed.items()}
    )
    score = board.score[row][at[0]]
    return SlateResult(
        board.items[columns[row]],
        score,
        of_filtered(columns, row),
        why[0],
        snapshot.view.config.policy,
    )


def _board(
    snapshot: Snapshot,
    request: Request,
    eligible: Items | None,
    places: int,
    rng: np.random.Generator,
) -> Board:
    """Return the board of an eligible set (None: all available), made at its first use in the
    snapshot.
    """
    view = snapshot.view
    floors = view.limits is not None and any(least > 0 for least in view.limits.least)
    length = places if floors else next((n for n in LENGTHS if n >= places), places)
    # A digest of the items, as the list itself can be most of the catalogue; 128 bits do not meet
    # by chance.
    among = (
        None if eligible is None else hashlib.blake2b(eligible.tobytes(), digest_size=16).digest()
    )
    key = (length, _weights_key(request), among)
    board = snapshot.boards.get(key)
    if board is None:
        voices = voices_of(view, request.objectives or dict(view.config.objectives), view.facts)
        everything = snapshot.available if eligible is None else eligible
        board = make_board(view, voices, everything, length, rng, single=eligible is not None)
        if len(snapshot.boards) >= KEPT_BOARDS:
            # Boards of eligible sets go first, oldest first: the segment's own serve most requests.
            snapshot.boards.pop(min(snapshot.boards, key=lambda kept: kept[2] is None))
        snapshot.boards[key] = board
    return board


def _deal(
    snapshot: Snapshot, board: Board, k: int, n: int, rng: np.random.Generator
) -> list[SlateResult]:
    """Serve n slates of one board."""
    policy = snapshot.view.config.policy
    if board.fixed_score is not None:
        ties = draw_ties(board.fixed_score, k, n, rng)
        # (n, k)
        columns, propensity, score = ties.columns, ties.propensity, board.fixed_score[ties.columns]
        placed: dict[str, Floats] = {}
    else:
        rows = rng.integers(board.columns.shape[0], size=n)  # (n,)
        columns, propensity = board.columns[rows, :k], board.propensity[rows, :k]  # (n, k)
        score = board.score[rows, :k]
        placed = {name: part[rows, :k] for name, part in board.placed.items()}
    why = _why(board, columns, placed)
    items = board.items[columns]  # (n, k)
    return [SlateResult(items[i], score[i], propensity[i], why[i], policy) for i in range(n)]


def _why(
    board: Board, columns: NDArray[np.int64], placed: Mapping[str, Floats]
) -> list[list[dict[str, float]]]:
    """Dicts of the parts of every item of n slates, from their columns and what was drawn for their
    places, (n, k) each.
    """
    names = [*board.fixed, *placed]
    values = [part[columns] for part in board.fixed.values()] + list(placed.values())
    table = np.stack(values, axis=2).tolist()  # n x k x n_parts
    return [[dict(zip(names, row, strict=True)) for row in slate] for slate in table]


def _weights_key(request: Request) -> object:
    return None if request.objectives is None else tuple(sorted(request.objectives.items()))


__all__ = ["Catalogue", "Request", "RequestError", "SlateResult", "Snapshot", "compose", "prepare"]
