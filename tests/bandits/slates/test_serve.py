"""Serving: eligible sets, batches, and scores that a reader can make again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.counts import CountsError
from bandits.slates.config import ConfigError, normalised
from bandits.slates.redo import terms
from bandits.slates.segment import WHY_NAMES
from bandits.slates.serve import RequestError, compose
from bandits.slates.snapshot_pools import KEPT_POOLS
from tests.bandits.slate_world import (
    ask,
    make_catalogue,
    make_counts,
    make_snapshot,
    without_floor,
)

ALONE = without_floor()
FILES = [
    "",
    "[policies.greedy]",
    "[policies.random]",
    "[policies.softmax]\nweight = 2\n[policies.kl_ucb]",
    'combiner = "rrf"\n[policies.thompson]\nweight = 3\n[policies.kl_ucb]',
    'combiner = "team_draft"',
    'combiner = "pareto"\n[objectives]\nclick = 1\nvalue = 1\nfreshness = 1',
    "[objectives]\nclick = 4\nconversion = 1\nvalue = 1\nrelevance = 1\nfreshness = 1",
    '[diversity]\nkind = "mmr"\n[objectives]\nclick = 1\nrelevance = 1',
    '[diversity]\nkind = "dpp"\n[exposure]\nmax_per_category = 2',
    'combiner = "rrf"\n[diversity]\nkind = "mmr"\n[exploration]\nmax_slots = 1',
]
FILES = [without_floor(text) for text in FILES]
USER = make_catalogue().vectors[9]
ASKED = {
    "plain": ask(6),
    "excluded": ask(6, exclude=np.array([1, 2, 2, 20])),
    "candidates": ask(6, candidates=np.array([3, 4, 5, 6, 7, 8, 9, 10, 10])),
    "user": ask(6, user=USER),
    "weights": ask(6, user=USER, objectives={"click": 1.0, "relevance": 3.0}),
}


def one(snapshot, request, seed: int = 0):
    return compose(snapshot, [request], np.random.default_rng(seed))[0]


def redo(config, why: dict[str, float], objectives: dict[str, float]) -> float:
    """The score as the page documents it, from `why` and the weights of the policy file alone."""
    mix = normalised({c.name: c.weight for c in config.policies}, "policies")
    weights = {}
    for name, weight in normalised(objectives, "objectives").items():
        if name == "click":
            weights |= {
                WHY_NAMES.get(policy, policy): weight * share for policy, share in mix.items()
            }
        else:
            weights[name] = weight
    total = sum(weight * why[name] for name, weight in weights.items())
    if config.combiner == "rrf":
        ranks = {name: why[f"rank_{name}"] for name in weights}
        total = sum(weights[name] / (60 + rank) for name, rank in ranks.items() if rank > 0)
    if config.combiner == "pareto":
        total = 0.5 + np.arctan(total) / np.pi - why["front"]
    return total + why.get("diversity", 0.0)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("text", FILES)
def test_the_score_is_the_documented_combination_of_why(text: str, name: str):
    snapshot, request = make_snapshot(text), ASKED[name]
    config = snapshot.view.config
    result = one(snapshot, request)
    objectives = request.objectives or dict(config.objectives)
    for place, (score, why) in enumerate(zip(result.scores, result.why, strict=True)):
        assert {"mean", "impressions", "prior"} <= set(why)
        if config.combiner == "team_draft":
            teams = [why[key] for key in why if key.startswith("team_")]
            assert sum(teams) == 1
            np.testing.assert_allclose(score, 1 / (1 + place))
        else:
            np.testing.assert_allclose(score, redo(config, why, objectives), rtol=1e-9, atol=1e-12)
        own = terms(config, request.objectives, why, float(score))
        assert own
        np.testing.assert_allclose(score, sum(own.values()), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("text", FILES)
def test_slates_hold_eligible_items_once_best_first(text: str, name: str):
    catalogue = make_catalogue()
    catalogue.available[[0, 7]] = False
    snapshot, request = make_snapshot(text, catalogue=catalogue), ASKED[name]
    for seed in range(20):
        result = one(snapshot, request, seed)
        pool = set(range(30)) if request.candidates is None else set(request.candidates.tolist())
        pool -= {0, 7, *request.exclude.tolist()}
        assert len(result.items) == len(set(result.items.tolist())) == min(6, len(pool))
        assert set(result.items.tolist()) <= pool
        assert ((result.propensities > 0) & (result.propensities <= 1)).all()
        if "diversity" not in text:
            assert (np.diff(result.scores) <= 1e-12).all() or "exposure" in text
        assert result.policy == snapshot.view.config.policy


@pytest.mark.parametrize("text", FILES)
def test_more_places_than_items_give_them_all_and_no_items_give_an_empty_slate(text: str):
    snapshot = make_snapshot(text)
    assert len(one(snapshot, ask(100)).items) == 30
    assert len(one(snapshot, ask(100, exclude=np.arange(10))).items) == 20
    for request in (
        ask(5, candidates=np.zeros(0, dtype=np.int64)),
        ask(5, exclude=np.arange(30)),
        ask(0),
    ):
        empty = one(snapshot, request)
        assert empty.items.shape == empty.scores.shape == empty.propensities.shape == (0,)
        assert empty.why == []


def test_a_catalogue_without_available_items_gives_empty_slates():
    catalogue = make_catalogue()._replace(available=np.zeros(30, dtype=np.bool_))
    for text in FILES:
        assert one(make_snapshot(text, catalogue=catalogue), ask(5)).items.size == 0


@pytest.mark.parametrize("text", FILES)
def test_the_same_seed_gives_the_same_slates_and_inputs_stay_as_they_were(text: str):
    counts, catalogue = make_counts(), make_catalogue()
    before = [np.copy(x) for x in (*counts[:6], *catalogue)]
    slates = []
    for _ in range(2):
        snapshot = make_snapshot(text, counts=counts, catalogue=catalogue)
        results = compose(snapshot, list(ASKED.values()) * 3, np.random.default_rng(3))
        slates.append(
            [(r.items.tolist(), r.scores.tolist(), r.propensities.tolist(), r.why) for r in results]
        )
    assert slates[0] == slates[1]
    for old, new in zip(before, (*counts[:6], *catalogue), strict=True):
        np.testing.assert_array_equal(old, new)


def test_results_come_in_the_order_of_the_requests():
    snapshot = make_snapshot(ALONE)
    lengths = [3, 8, 3, 1, 8, 5]
    requests = [ask(k, exclude=np.array([k])) if k == 5 else ask(k) for k in lengths]
    assert [len(r.items) for r in compose(snapshot, requests, np.random.default_rng(0))] == lengths
    assert compose(snapshot, [], np.random.default_rng(0)) == []


@given(st.lists(st.integers(0, 29), max_size=29), st.integers(1, 30), st.integers(0, 50))
def test_an_excluded_item_never_shows_and_the_slate_is_as_long_as_it_can_be(
    excluded: list[int], k: int, seed: int
):
    result = one(SHARED, ask(k, exclude=np.array(excluded, dtype=np.int64)), seed)
    assert not set(result.items.tolist()) & set(excluded)
    assert len(result.items) == min(k, 30 - len(set(excluded)))


SHARED = make_snapshot(ALONE)


def test_excluding_an_item_gives_the_law_of_a_catalogue_without_it():
    """The first place without item b, filtered from shared draws, against a snapshot where b is not
    available.
    """
    counts = make_counts(looks=2000)
    best = one(make_snapshot(ALONE, counts=counts), ask(1)).items
    catalogue = make_catalogue()
    catalogue.available[best] = False
    laws = []
    for request, more in ((ask(3, exclude=best), {}), (ask(3), {"catalogue": catalogue})):
        share = np.zeros(30)
        for seed in range(60):
            snapshot = make_snapshot(ALONE, counts=counts, seed=seed, **more)
            for result in compose(snapshot, [request] * 100, np.random.default_rng(seed)):
                share[result.items[0]] += 1 / 6000
        laws.append(share)
    np.testing.assert_allclose(laws[0], laws[1], atol=5 * np.sqrt(0.5 / 6000))


def test_a_user_pulls_the_slate_to_what_he_clicked():
    snapshot = make_snapshot(without_floor("[objectives]\nclick = 1\nrelevance = 3"))
    near = one(snapshot, ask(6, user=USER))
    assert 9 in near.items
    cosine = make_catalogue().vectors @ USER
    assert cosine[near.items].mean() > cosine[one(snapshot, ask(6)).items].mean() + 0.2


def test_weights_of_a_request_replace_those_of_the_file():
    snapshot = make_snapshot(ALONE)
    fresh = one(snapshot, ask(5, objectives={"freshness": 1.0}))
    newest = np.argsort(-make_catalogue().first_seen_s)[:5]
    np.testing.assert_array_equal(fresh.items, newest)
    with pytest.raises(ConfigError, match="above 0"):
        one(snapshot, ask(5, objectives={"click": 0.0}))


def test_a_user_of_no_weight_changes_nothing():
    snapshot = make_snapshot(ALONE)
    one(snapshot, ask(5))  # the board is made
    plain, user = one(snapshot, ask(5)), one(snapshot, ask(5, user=USER))
    np.testing.assert_array_equal(plain.items, user.items)


def test_a_segment_nobody_has_seen_borrows_from_the_others():
    snapshot = make_snapshot(ALONE, segment=None, counts=make_counts(looks=5000))
    best = np.argsort(-make_counts(looks=5000).clicks.sum(axis=0))[:2]
    shown = [one(snapshot, ask(5), seed).items for seed in range(20)]
    assert np.mean([np.isin(best, items).mean() for items in shown]) > 0.8
    assert one(snapshot, ask(5)).why[0]["impressions"] == 0


def test_counts_that_no_log_can_have_are_refused():
    counts = make_counts()
    counts.clicks[1, 3] = np.nan
    with pytest.raises(CountsError):
        make_snapshot(ALONE, counts=counts)
    with pytest.raises(RequestError):
        one(make_snapshot(ALONE), ask(5, candidates=np.array([99])))


def test_a_cold_start_shows_every_item_sooner_or_later():
    shown: set[int] = set()
    for seed in range(40):
        snapshot = make_snapshot(ALONE, counts=make_counts(looks=0.0), seed=seed)
        shown.update(
            *(
                r.items.tolist()
                for r in compose(snapshot, [ask(3)] * 20, np.random.default_rng(seed))
            )
        )
    assert shown == set(range(30))


def test_boards_of_a_snapshot_are_bounded_and_its_own_stay():
    snapshot = make_snapshot(without_floor('combiner = "rrf"'))  # named candidates have pools
    rng = np.random.default_rng(0)
    compose(snapshot, [ask(5)], rng)
    own = next(iter(snapshot.pools.values()))
    lists = [rng.choice(30, 8, replace=False) for _ in range(3 * KEPT_POOLS)]
    compose(snapshot, [ask(5, candidates=items) for items in lists], rng)
    assert len(snapshot.pools) == KEPT_POOLS
    assert any(pool is own for pool in snapshot.pools.values())


def test_priors_learn_from_vectors_of_their_own_and_relevance_and_diversity_from_all():
    """Random vectors of 3 numbers for the priors: what they say is not what those of 8 say."""
    catalogue, other = make_catalogue(), make_catalogue(seed=9, dimensions=3).vectors
    both = make_snapshot(catalogue=catalogue._replace(prior_vectors=other)).view
    alone = make_snapshot(catalogue=catalogue._replace(vectors=other)).view
    assert np.array_equal(both.arms.prior_mean, alone.arms.prior_mean)
    assert both.arms.vectors is other
    assert both.vectors is both.facts.vectors is catalogue.vectors
    with pytest.raises(ValueError, match="must have the 30 items"):
        make_snapshot(catalogue=catalogue._replace(prior_vectors=other[:-1]))
