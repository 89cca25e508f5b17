"""Refresh: pools that requests ask for are there before the next request."""

import numpy as np

from bandits.slates import snapshot_pools as module
from bandits.slates.refresh import learned, segment_snapshot
from bandits.slates.serve import compose
from tests.bandits.slate_world import ask, make_catalogue, make_counts, make_snapshot


def refreshed(before=None):
    config = make_snapshot().view.config
    known = learned(config, make_counts(), make_catalogue())
    return segment_snapshot(config, known, 1, 0.0, np.random.default_rng(0), (5,), (), before)


def test_a_snapshot_has_the_pools_that_the_last_one_was_asked_for():
    """Lengths beyond those in use, and weights of a request; a pool that nobody asked for again
    goes with the snapshot after.
    """
    first, rng = refreshed(), np.random.default_rng(1)
    assert [key[:2] for key in first.pools] == [(10, None)]
    compose(first, [ask(20), ask(5, objectives={"click": 1.0, "freshness": 1.0})], rng)
    second = refreshed(first)
    assert second.pools.keys() == first.pools.keys()
    assert len(second.pools) == 3
    compose(second, [ask(20)], rng)
    third = refreshed(second)
    assert [key[:2] for key in third.pools] == [(10, None), (25, None)]


def test_weights_that_clients_invent_do_not_make_pools_without_end(monkeypatch):
    monkeypatch.setattr(module, "MOST_IN_USE", 2)
    first, rng = refreshed(), np.random.default_rng(1)
    weights = [{"click": 1.0, "freshness": float(weight)} for weight in range(1, 6)]
    compose(first, [ask(5, objectives=each) for each in weights], rng)
    assert len(refreshed(first).pools) == 3
