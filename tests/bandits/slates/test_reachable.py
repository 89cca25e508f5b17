"""What can be needed: nothing that a slate without screening shows is left out."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.slates import reachable as reach
from bandits.slates.reachable import not_surely_dominated, reachable, weighted_bounds
from bandits.slates.segment import scorers_of
from tests.bandits.slate_world import make_counts, make_snapshot

N = 400


def world(text: str):
    view = make_snapshot(text, N, counts=make_counts(N, looks=3000)).view
    return view, scorers_of(view, dict(view.config.objectives), view.facts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'combiner = "rrf"',
        'combiner = "team_draft"',
        'combiner = "pareto"\n[objectives]\nclick = 1\nfreshness = 1',
        "[exposure]\nmax_per_category = 2",
        "[exploration]\nmax_slots = 1\nmin_slots = 1\nproven_clicks = 800",
        "[exposure]\nmin_share = 0.0024\nmin_share_slots = 3",
    ],
)
def test_screening_leaves_the_slates_as_they_are(text: str, monkeypatch: pytest.MonkeyPatch):
    """Fixed signals have no error at all: with the draw replaced by its mean both ways give the
    same slates.
    """
    from bandits.slates.pool import make_pool

    view, scorers = world(text)
    fixed = tuple(
        v if v.policy is None else v._replace(policy=None, fixed=view.mean) for v in scorers
    )
    eligible = np.arange(N)
    keep = reachable(view, fixed, eligible, 8, 8)
    screened = make_pool(view, fixed, eligible, 8, np.random.default_rng(3))
    monkeypatch.setattr("bandits.slates.pool.reachable", lambda *_: np.ones(N, dtype=np.bool_))
    full = make_pool(view, fixed, eligible, 8, np.random.default_rng(3))

    def best(pool):
        if pool.fixed_score is not None:
            return pool.items[np.argsort(-pool.fixed_score)[:8]]
        return pool.items[pool.columns]

    if view.config.combiner == "team_draft":
        assert set(best(screened).ravel()) == set(best(full).ravel())
    else:
        np.testing.assert_array_equal(np.unique(best(screened)), np.unique(best(full)))
        if best(screened).ndim == 1:
            np.testing.assert_array_equal(best(screened), best(full))
    assert keep.sum() < N


def test_without_bounds_nothing_is_left_out():
    view, scorers = world("[policies.softmax]\n[policies.greedy]")
    assert weighted_bounds(scorers, np.arange(N)) is None
    assert reachable(view, scorers, np.arange(N), 5, 5).all()


def test_bounds_of_the_weighted_sum_hold_for_its_draws():
    view, scorers = world("")
    low, high = weighted_bounds(scorers, np.arange(N))
    draws = sum(
        v.weight
        * (
            v.fixed
            if v.policy is None
            else v.policy.draws(view.arms, np.random.default_rng(0), 2000)
        )
        for v in scorers
    )
    assert (draws >= low).all()
    assert (draws <= high).all()


def test_sure_dominators_on_paper(monkeypatch: pytest.MonkeyPatch):
    """Item 0 at [0.8, 0.9] x [0.8, 0.9] surely beats item 1 at [0.1, 0.2]^2, but not item 2, whose
    first reaches 0.85.
    """
    pairs = [
        (np.array([0.8, 0.1, 0.1]), np.array([0.9, 0.2, 0.85])),
        (np.array([0.8, 0.1, 0.1]), np.array([0.9, 0.2, 0.2])),
    ]
    assert reach.N_REFERENCES >= 3
    assert not_surely_dominated(pairs, pairs[0][0], 1).tolist() == [True, False, True]
    assert not_surely_dominated(pairs, pairs[0][0], 2).all()
