"""Slates of named candidates: shares of the very draws they are taken from, and the law of the
general way.
"""

from __future__ import annotations

import numpy as np
import pytest

from bandits.slates import named as module
from bandits.slates.named import named_slate
from bandits.slates.serve import compose
from tests.bandits.slate_world import ask, make_catalogue, make_counts, make_snapshot, without_floor

SOME = np.array([2, 3, 5, 8, 13, 21, 22, 24, 27, 29])


@pytest.mark.parametrize("k", [1, 4, 10, 15])
def test_a_slate_is_a_row_of_the_kept_draws_and_its_propensities_are_shares_of_them(k: int):
    snapshot = make_snapshot(without_floor())
    rng = np.random.default_rng(0)
    for _ in range(50):
        result = named_slate(snapshot, ask(k, candidates=SOME), rng)
        (table,) = snapshot.view.kept.values()
        draws = table.values[table.row[SOME]]  # (10, 64)
        slates = SOME[np.argsort(-draws, axis=0)[:k].T]  # (64, k), brute force
        rows = (slates == result.items).all(axis=1)
        assert rows.any()
        np.testing.assert_allclose(result.propensities, (slates == result.items).mean(axis=0))
        scores = np.sort(draws[:, rows], axis=0)[::-1][:k]  # (k, as many draws as say the slate)
        assert np.isclose(scores, result.scores[:, None]).all(axis=0).any()


def test_only_candidates_that_some_draw_can_show_are_sorted_and_that_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    """300 items of 2,000 looks each, of which few reach three places."""
    slates = []
    for all_reach in (False, True):
        if all_reach:
            monkeypatch.setattr(
                module, "reachable_rows", lambda low, _high, _k: np.arange(low.size)
            )
        snapshot = make_snapshot(
            without_floor(),
            n_items=300,
            counts=make_counts(300, looks=2000.0),
            catalogue=make_catalogue(300),
        )
        asked = [ask(3, candidates=np.arange(0, 300, 3))] * 40
        found = compose(snapshot, asked, np.random.default_rng(1))
        slates.append(
            [(r.items.tolist(), r.scores.tolist(), r.propensities.tolist()) for r in found]
        )
    assert slates[0] == slates[1]


def test_the_law_is_that_of_the_general_way(monkeypatch: pytest.MonkeyPatch):
    """Share of the first place over snapshots with draws of their own."""
    counts, shares = make_counts(looks=100.0), []
    for most in (2048, 0):
        monkeypatch.setattr(module, "MOST_NAMED", most)
        share = np.zeros(30)
        for seed in range(60):
            snapshot = make_snapshot(counts=counts, seed=seed)
            asked = [ask(3, candidates=SOME)] * 20
            for result in compose(snapshot, asked, np.random.default_rng(seed)):
                share[result.items[0]] += 1 / 1200
        shares.append(share)
    # rows of one snapshot are alike: 60 x 20 slates are worth some 600 independent ones
    np.testing.assert_allclose(shares[0], shares[1], atol=5 * np.sqrt(0.5 / 600))


def test_equal_draws_go_the_general_way():
    """A random order scores every item the same, and there is nothing to draw."""
    snapshot = make_snapshot("[policies.random]")
    assert named_slate(snapshot, ask(3, candidates=SOME), np.random.default_rng(0)) is None
    counts = make_counts(looks=0.0)
    snapshot = make_snapshot(
        without_floor("[priors]\nbase_rate = 1e-9"), counts=counts, segment=None
    )
    for result in compose(snapshot, [ask(5, candidates=SOME)] * 20, np.random.default_rng(0)):
        assert np.unique(result.items).size == 5
        assert (result.propensities > 0).all()


def test_weights_of_requests_have_tables_of_their_own_and_only_the_last_is_kept_beside_the_files():
    snapshot = make_snapshot(without_floor())
    rng = np.random.default_rng(0)
    assert named_slate(snapshot, ask(4, candidates=SOME), rng) is not None
    for weight in (1.0, 2.0, 3.0, 2.0):
        weights = {"click": 1.0, "freshness": weight}
        result = named_slate(snapshot, ask(4, candidates=SOME, objectives=weights), rng)
        assert "freshness" in result.why[0]
    assert len(snapshot.signals) == len(snapshot.view.kept) == 2
    assert None in snapshot.signals
