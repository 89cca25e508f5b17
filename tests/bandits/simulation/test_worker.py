"""The worker of the simulator computes what the serving process computes."""

import numpy as np
import pytest

from bandits.counts import Counts
from bandits.learning.priors import learn
from bandits.simulation.simulate import Feedback, Shown, simulate
from bandits.simulation.worker import WINDOW_S, Worker, WorkerLearner
from bandits.simulation.world import World, uniform_regret
from bandits.slates.config_file import parse_config

SEGMENTS = np.array([0, 1])
ITEMS = np.array([[3, 1], [0, 3]])
BATCH = np.zeros(10, dtype=np.int64), np.tile([3, 1], (10, 1))  # ten visits
EVERYTHING = np.ones(4, dtype=np.bool_)


def worker(text: str = "examination = [1.0, 0.5]") -> Worker:
    return Worker(parse_config(text), (2, 4, 2), visits_per_s=10.0, refresh_s=1.0)


def looked(made: Worker, now_s: float) -> Counts:
    made.learner.look(made.shape[:2], now_s)
    assert made.learner.dense is not None
    return made.learner.dense


def test_looks_count_at_once_and_wait_for_their_clicks():
    """Place 0 is a look, place 1 half of one; nothing is evidence before time has passed."""
    made = worker()
    made.shown(Shown(SEGMENTS, ITEMS))
    counts = looked(made, made.now_s)
    assert counts.impressions[0].tolist() == [0, 1, 0, 1]
    assert counts.examined.tolist() == [[0, 0.5, 0, 1], [1, 0, 0, 0.5]]
    assert counts.pending.sum() > 0.9 * counts.examined.sum()
    late = looked(made, made.now_s + 2 * WINDOW_S)
    assert late.pending.sum() == 0


def test_feedback_brings_clicks_with_the_delay_since_their_slate():
    """100 slates at 10 a second, then clicks on the first: 10 s late, so all is settled after
    11 s.
    """
    made = worker()
    for _ in range(50):
        made.shown(Shown(SEGMENTS, ITEMS))
    clicked = np.array([[True, False], [False, False]])
    for _ in range(50):
        made.heard(Feedback(SEGMENTS, ITEMS, clicked))
    counts = looked(made, made.now_s)
    assert counts.clicks[0].tolist() == [0, 0, 0, 50]
    assert counts.recent[0].clicks[0, 3] == pytest.approx(50)


@pytest.mark.parametrize("late", [0, 10])
def test_looks_are_evidence_once_their_clicks_are_in(late: int):
    """A batch of ten a second for 60 s, every first place clicked, clicks read `late` batches after
    their own: 600 looks without delay, 500 with 10 s, are evidence and clicked; a rate of 1.
    Delays are known to a quarter of themselves, with 10 s to the looks of two batches.
    """
    made, batch = worker(), Feedback(*BATCH, np.tile([True, False], (10, 1)))
    for second in range(60):
        made.shown(Shown(*BATCH))
        if second >= late:
            made.heard(batch)
        counts = looked(made, made.now_s)
    evidence = counts.examined[0, 3] - counts.pending[0, 3]
    assert counts.clicks[0, 3] == 600 - 10 * late
    assert evidence == pytest.approx(600 - 10 * late, abs=5 if late == 0 else 20)


def test_a_snapshot_serves_until_it_is_refreshed_or_the_catalogue_changes():
    made, rng = worker(), np.random.default_rng(0)
    made.serve(SEGMENTS, EVERYTHING, rng)
    first = made.known
    made.shown(Shown(SEGMENTS, ITEMS))  # 0.2 s
    made.serve(SEGMENTS, EVERYTHING, rng)
    assert made.known is first
    made.serve(SEGMENTS, np.arange(4) != 3, rng)
    assert made.known is not first
    second = made.known
    made.shown(Shown(np.tile(SEGMENTS, 6), np.tile(ITEMS, (6, 1))))  # 1.2 s more
    made.serve(SEGMENTS, np.arange(4) != 3, rng)
    assert made.known is not second


def test_beliefs_are_those_of_the_counts_and_propensities_of_the_draws():
    made, rng = worker(), np.random.default_rng(1)
    for result in made.serve(SEGMENTS, EVERYTHING, rng):
        assert (result.propensities > 0).all()
    expected = learn(made.known.counts, made.config.priors)
    np.testing.assert_array_equal(made.known.beliefs.pools[-1].looks, expected.pools[-1].looks)


def test_a_worker_learns_a_world_from_its_own_slates():
    """20 items, 2 segments, refreshed every 50 visits: after 2,000 two fifths of what random slates
    lose, at most; runs differ, so the mean of six.
    """
    rates = np.random.default_rng(2).beta(1.5, 10, (2, 20))
    world = World("small", rates, np.array([0.5, 0.5]), np.array([1.0, 0.6]))
    file = parse_config(f"examination = {world.examination.tolist()}")
    lost = [
        simulate(
            world, WorkerLearner("worker", file, visits_per_s=100.0), 2000, seed, largest=50
        ).regret[-1]
        for seed in range(6)
    ]
    assert np.mean(lost) < 0.4 * uniform_regret(world, 2000)


def test_segments_that_differ_in_what_does_not_matter_share_a_snapshot():
    """Field 0 says which item is liked, field 1 nothing; one visit has a value nobody had, another
    is of a combination that is counted under no name.
    """
    codes = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    made = Worker(parse_config(""), (4, 4, 2), visits_per_s=10.0, codes=codes)
    segments = np.repeat(np.arange(4), 300)
    liked = np.where(codes[segments, 0] == 0, 1, 2)  # (n_visits,)
    for items in (np.array([0, 1]), np.array([2, 3])):
        slates = np.tile(items, (segments.size, 1))
        made.shown(Shown(segments, slates))
        rate = np.where(slates == liked[:, None], 0.5, 0.1)
        made.heard(Feedback(segments, slates, np.random.default_rng(0).random(rate.shape) < rate))
    made.visits += 100_000  # no click comes any more
    visits, own = np.array([0, 1, 2, 3, -1, -1]), np.array([*codes, [0, 7], [5, 0]])
    slates = made.serve(visits, EVERYTHING, np.random.default_rng(1), own)
    assert [slate.items[0] for slate in slates[:5]] == [1, 1, 2, 2, 1]
    assert len(made.snapshots) == 3
    first = made.known
    made.visits += 10
    made.serve(visits, EVERYTHING, np.random.default_rng(1), own)
    assert made.known is not first
    assert made.known.groups.splits is first.groups.splits  # nothing more to learn them from
