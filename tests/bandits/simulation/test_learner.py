"""The counts learner is counts: looks in flight, clicks, memories by clicks; and it gains by what
the design says it gains by.
"""

import numpy as np
import pytest

from bandits.counts import validate
from bandits.learning.priors import PriorConfig
from bandits.simulation.learner import best, default_learner
from bandits.simulation.simulate import Feedback, Shown, simulate
from bandits.simulation.world import World, trade_places, uniform_regret

SEGMENTS, ITEMS = np.array([0, 1, 1]), np.array([[0, 1], [1, 2], [1, 0]])
CLICKED = np.array([[True, False], [False, True], [True, False]])


def test_looks_are_in_flight_until_their_feedback_comes():
    """Item 1 of segment 1 is shown twice, at places of weight 1 and 1; item 2 once at
    weight 0.5.
    """
    learner = default_learner(examination=(1.0, 0.5), memories=())
    state = learner.note(learner.start(2, 3, 2), Shown(SEGMENTS, ITEMS))
    assert state.counts.pending.tolist() == [[1.0, 0.5, 0.0], [0.5, 2.0, 0.5]]
    state = learner.learn(state, Feedback(SEGMENTS, ITEMS, CLICKED))
    assert state.counts.pending.sum() == 0
    assert state.counts.clicks.tolist() == [[1, 0, 0], [0, 1, 1]]
    assert state.counts.impressions.tolist() == [[1, 1, 0], [1, 2, 1]]
    validate(state.counts)


def test_memories_fade_by_clicks():
    """Half-life of 3 clicks: after 3 more clicks the first 3 weigh half."""
    learner = default_learner(memories=(3.0,))
    state = learner.start(2, 3, 2)
    for _ in range(2):
        state = learner.note(state, Shown(SEGMENTS, ITEMS))
        state = learner.learn(state, Feedback(SEGMENTS, ITEMS, CLICKED))
    assert state.counts.recent[0].clicks.sum() == pytest.approx(3 + 1.5)
    assert state.counts.recent[0].examined.sum() == pytest.approx(6 + 3)
    assert state.counts.clicks.sum() == 6
    validate(state.counts)


def test_looks_in_flight_do_not_fade():
    learner = default_learner(memories=(3.0,))
    state = learner.note(
        learner.note(learner.start(2, 3, 2), Shown(SEGMENTS, ITEMS)), Shown(SEGMENTS, ITEMS)
    )
    state = learner.learn(state, Feedback(SEGMENTS, ITEMS, CLICKED))
    assert state.counts.recent[0].pending.sum() == pytest.approx(6)
    state = learner.learn(state, Feedback(SEGMENTS, ITEMS, CLICKED))
    assert state.counts.recent[0].pending.sum() == pytest.approx(0)


def test_the_best_k_come_in_order_and_ties_at_random():
    scores = np.array([[0.1, 0.5, 0.3, 0.5]])
    orders = {tuple(best(scores, 3, np.random.default_rng(seed))[0]) for seed in range(50)}
    assert orders == {(1, 3, 2), (3, 1, 2)}
    assert best(scores, 4, np.random.default_rng(0))[0, 2:].tolist() == [2, 0]


def world(seed=0, n_items=40):
    """Three segments with tastes of their own around one rate per item."""
    rng = np.random.default_rng(seed)
    items = rng.beta(3, 20, n_items)
    rates = np.clip(items * rng.gamma(20, 1 / 20, (3, n_items)), 0.001, 0.95)
    return World("tastes", rates, np.array([0.5, 0.3, 0.2]), 1 / np.log2(np.arange(5) + 2.0))


def regret(learner, where, n_visits=4000, seeds=range(3)):
    return float(
        np.mean(
            [simulate(where, learner, n_visits, seed, largest=256).regret[-1] for seed in seeds]
        )
    )


PLACES = tuple(1 / np.log2(np.arange(5) + 2.0))
OURS = default_learner(examination=PLACES, memories=())


def test_pooling_segments_loses_less_than_keeping_them_apart():
    apart = OURS._replace(config=PriorConfig(segment_clicks=0.0))
    assert regret(OURS, world()) < 0.8 * regret(apart, world())


def test_weighing_places_loses_less_than_ignoring_them():
    assert regret(OURS, world()) < 0.95 * regret(OURS._replace(examination=(1.0,)), world())


def test_memories_lose_less_when_tastes_change():
    still = world(1)
    drift = still._replace(
        rates_after=trade_places(still.rates, still.share, 8, np.random.default_rng(1)),
        change_at=4000,
    )
    with_memory = OURS._replace(memories=(500.0, 2000.0))
    assert regret(with_memory, drift, 8000, range(3)) < 0.95 * regret(OURS, drift, 8000, range(3))


def test_late_feedback_costs_little_more_than_guessing_until_it_comes():
    """For 1,000 visits nothing is known: that costs as many random slates, and learning from there
    on no more than without delay.
    """
    late = world(2)._replace(delay=1000)
    assert regret(OURS, late) < uniform_regret(late, 1000) + 1.3 * regret(OURS, world(2))
