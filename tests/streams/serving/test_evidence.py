"""The view's evidence: memories of what came live, and looks that wait for their clicks."""

import numpy as np

from bandits.learning.evidence import Evidence
from bandits.learning.priors import learn
from streams.serving.counts_view import CountsView, Index
from tests.streams.serving.changelog import Changelog, dense

HOUR_S = 3600.0  # from one turn to the next: longer than any clock of clicks here runs


def test_view_remembers_what_comes_live_and_grows_with_it():
    view = CountsView(Index(), evidence=Evidence(half_lives=(2.0,)))
    log = Changelog()
    log.count("s", "a", 100, 10)
    log.feed(view)
    view.live = True
    log.count("s", "a", 8, 0)
    log.feed(view)
    dense(view, HOUR_S)
    log.count("s", "a", 4, 4, partition=1)
    for number in range(300):  # more items than the first arrays hold
        log.count("t", f"i{number}", 1)
    log.feed(view)
    counts = dense(view, 2 * HOUR_S)
    assert (counts.impressions[0, 0], counts.clicks[0, 0]) == (112, 14)
    assert (counts.recent[0].impressions[0, 0], counts.recent[0].clicks[0, 0]) == (8 / 4 + 4, 4)
    assert counts.recent[0].impressions[1, 1:].tolist() == [1.0] * 300


def test_a_view_without_counts_has_empty_memories():
    view = CountsView(Index(), evidence=Evidence(half_lives=(2.0,)))
    assert dense(view, HOUR_S).recent[0].clicks.shape == (0, 0)
    view.items.number("a")
    assert dense(view, 2 * HOUR_S).recent[0].clicks.shape == (0, 1)


def test_a_change_that_the_memory_saw_turns_the_belief():
    """Items click at 20%; then one falls to 2%: with the memory its rate is believed low, without
    it stays near the middle.
    """
    view = CountsView(Index(), evidence=Evidence(half_lives=(250.0,)))
    names = [f"i{number}" for number in range(20)]
    view.live = True
    log = Changelog()
    for name in names:
        log.count("s", name, 1000, 200)
    log.feed(view)
    dense(view, HOUR_S)
    for step in range(1, 4):
        for name in names:
            log.count("s", name, 100, 2 if name == "i0" else 20)
        log.feed(view)
        counts = dense(view, HOUR_S * (step + 1))
    whole = learn(counts._replace(recent=()))
    remembered = learn(counts)
    assert whole.odds is None
    assert remembered.odds is not None
    assert remembered.odds[0, 0] > 0.5 > 0.05 > remembered.odds[0, 1]


def test_a_worker_that_reads_an_old_log_takes_its_looks_for_settled():
    view = CountsView(Index(), evidence=Evidence(HOUR_S, ()))
    log = Changelog()
    log.count("s", "a", 5)
    log.feed(view, 100.0)
    assert dense(view, 100.0).pending.sum() == 0.0
    view.live = True
    log.count("s", "a", 2)
    log.feed(view, 100.0)
    pending = dense(view, 100.1).pending
    assert 1.5 < pending[0, 0] <= 2.0
    assert np.all(pending <= dense(view, 100.1).examined)
