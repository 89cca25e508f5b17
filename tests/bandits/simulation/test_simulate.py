"""The simulator keeps its order: feedback late by exactly so many visits, regret in expectation,
seeds apart.
"""

import numpy as np
import pytest

from bandits.policies.mixture import default_policy
from bandits.policies.registry import make_policy
from bandits.simulation.learner import CountsLearner, default_learner
from bandits.simulation.simulate import batches, simulate
from bandits.simulation.world import World, WorldError, available, slate_regret, uniform_regret

RNG = np.random.default_rng(0)
WORLD = World("small", RNG.beta(2, 10, (2, 12)), np.array([0.7, 0.3]), np.array([1.0, 0.6]))


class Recorder:
    """Shows the first items and keeps what it was told, and when."""

    name = "recorder"

    def start(self, n_segments, n_items, n_places):
        self.n_places, self.shown, self.told, self.log = n_places, 0, 0, []
        return None

    def choose(self, state, segments, can_show, rng):
        self.log.append((self.shown, self.told, int(can_show.sum())))
        return np.broadcast_to(
            np.flatnonzero(can_show)[: self.n_places], (segments.size, self.n_places)
        )

    def note(self, state, shown):
        self.shown += shown.segments.size

    def learn(self, state, feedback):
        assert feedback.clicked.shape == feedback.items.shape
        self.told += feedback.segments.size


def test_batches_cover_every_visit_once_and_grow():
    parts = batches(5000)
    assert [first for first, _ in parts] == np.cumsum([0] + [size for _, size in parts])[
        :-1
    ].tolist()
    assert sum(size for _, size in parts) == 5000
    assert parts[0][1] == 1
    assert max(size for _, size in parts) == 64


@pytest.mark.parametrize("delay", [0, 37])
def test_feedback_comes_as_late_as_the_world_says(delay):
    recorder = Recorder()
    simulate(WORLD._replace(delay=delay), recorder, 2000, 0)
    for shown, told, _ in recorder.log:
        assert told <= max(shown - delay, 0)
        # a batch's feedback comes together, when its last visit is old enough
        assert told >= shown - delay - 64


def test_without_delay_everything_is_known_at_the_next_batch():
    recorder = Recorder()
    simulate(WORLD, recorder, 500, 0)
    assert all(shown == told for shown, told, _ in recorder.log)


def test_regret_is_the_expected_loss_of_what_was_shown():
    """The recorder shows items 0 and 1 to everybody: its regret is the share-weighted loss times
    visits, up to who came.
    """
    curve = simulate(WORLD, Recorder(), 20_000, 1)
    lost = slate_regret(WORLD, 0, np.arange(2), np.array([[0, 1], [0, 1]])).sum(axis=1)
    assert curve.regret[-1] == pytest.approx(20_000 * WORLD.share @ lost, rel=0.03)
    assert curve.visits[-1] == 20_000


def test_random_slates_lose_what_the_world_says():
    curve = simulate(
        WORLD, CountsLearner("random", make_policy("random"), memories=()), 8000, 2, largest=256
    )
    assert curve.regret[-1] == pytest.approx(uniform_regret(WORLD, 8000), rel=0.05)


def test_the_same_seed_gives_the_same_curve_and_another_another():
    learner = default_learner(examination=(1.0, 0.6))
    a, b, c = (simulate(WORLD, learner, 400, seed).regret for seed in (3, 3, 4))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_items_are_shown_from_their_arrival_on():
    arrives = np.where(np.arange(12) < 8, 0, 300)
    world = WORLD._replace(arrives_at=arrives)
    recorder = Recorder()
    simulate(world, recorder, 600, 0)
    assert {present for shown, _, present in recorder.log if shown < 300} == {8}
    assert recorder.log[-1][2] == 12
    assert available(world, 299).sum() == 8


def test_an_impossible_world_is_refused():
    with pytest.raises(WorldError, match="places needs as many items"):
        simulate(WORLD._replace(examination=np.ones(13)), Recorder(), 10, 0)


def test_the_default_learns_a_small_world():
    curve = simulate(
        WORLD, CountsLearner("d", default_policy(), examination=(1.0, 0.6)), 8000, 5, largest=256
    )
    assert curve.regret[-1] < 0.2 * uniform_regret(WORLD, 8000)
    late = curve.regret[-1] - np.interp(6000, curve.visits, curve.regret)
    assert late < 0.1 * uniform_regret(WORLD, 2000)
