"""The log of slates, and what is learned of it, event by event."""

from __future__ import annotations

import numpy as np

from bandits.learning.places import BANDS
from bandits.learning.user_learner import AGAIN, UserLearner
from bandits.learning.user_log import Offered, UserLog, offered_of

WHY = [
    {"mean": 0.1, "user_relevance": 0.5},
    {"mean": 0.2, "user_topic": 0.25, "floor": 1.0},
    {"mean": 0.3, "pinned": 1.0},
    {"mode": 1.0},
]


def test_a_slate_says_what_it_was_made_of():
    """A pinned item, and one that no policy chose, say nothing of what they depend on."""
    found = offered_of("abcd", range(4), WHY)
    assert found.items == ("a", "b")
    np.testing.assert_array_equal(found.features, [[0.5, 0, 0], [0, 0, 0.25]])
    np.testing.assert_array_equal(found.mean, [0.1, 0.2])


def test_rows_are_what_was_seen_by_then_and_clicks_are_in_time():
    log = UserLog(delay_s=60.0)
    log.offered("s", offered_of("abcd", range(4), WHY), 0.0)
    log.seen("s")
    log.clicked("s", "b")
    log.settle(59.0)
    assert log.rows == 0
    log.settle(60.0)
    log.clicked("s", "a")  # late
    table = log.table(np.linspace(1.0, 0.25, len(BANDS)))
    np.testing.assert_array_equal(table.clicked, [False, True])
    np.testing.assert_allclose(table.rate, [0.1, 0.2 * 0.95], rtol=1e-6)


def test_what_was_not_seen_says_nothing():
    log = UserLog(delay_s=0.0)
    for slate, seen in enumerate(([], ["a"], ["a", "b"])):
        log.offered(slate, offered_of("abcd", range(4), WHY), 0.0)
        log.seen(slate, seen)
    log.settle(1.0)
    assert log.rows == 2  # two items of one slate can be compared


def test_rows_and_slates_that_wait_are_bounded():
    log = UserLog(delay_s=1.0, rows_kept=10, waiting_kept=3)
    for round_ in range(5):
        for slate in range(7):
            log.offered((round_, slate), offered_of("abcd", range(4), WHY), float(round_))
            log.seen((round_, slate))
        assert len(log._waiting) == 3
        log.settle(round_ + 1.0)
    assert log.taken == 30
    assert log.rows == 10


def test_it_is_learned_again_when_there_is_much_more():
    rng, learner = np.random.default_rng(0), UserLearner(delay_s=10.0)
    fits, n = [], 0
    for slate in range(1500):
        f = np.column_stack([rng.normal(size=10), np.zeros((10, 2))])
        offered = Offered(tuple(range(10)), f, np.full(10, 0.1), np.arange(10))
        learner.offered(slate, offered, float(slate))
        learner.seen(slate, "anna", range(10), float(slate))
        odds = 0.1 / 0.9 * np.exp(0.5 * f[:, 0])
        for item in np.flatnonzero(rng.random(10) < odds / (1 + odds)).tolist():
            learner.clicked(slate, "anna", item)
            n += 1
        if learner.refresh(float(slate)):
            fits.append(slate)
    assert fits[0] == AGAIN / 10 + 9
    assert len(fits) < 20
    assert abs(learner.effects.weights[0] - 0.5) < 0.15
    assert learner.history("anna", 0.0, 10) is not None
    assert learner.history("bert", 0.0, 10) is None


def test_slates_of_strangers_are_not_kept():
    learner = UserLearner()
    learner.offered("s", offered_of("ab", range(2), [{"mean": 0.1}, {"mean": 0.2}]), 0.0)
    assert not learner._log._waiting
