"""New items with vectors lose less over their first 50 impressions than new items without."""

import numpy as np

from bandits.simulation.learner import default_learner
from bandits.simulation.simulate import simulate
from bandits.simulation.world import World, slate_regret

PLACES = tuple(1 / np.log2(np.arange(5) + 2.0))
N_OLD, N_NEW, ARRIVE, FIRST = 60, 30, 3000, 50


def world(seed, d=6):
    """Rates around 12%; vectors explain half of the rate's relative spread, 15% are the items' own;
    new items come at half time.
    """
    rng = np.random.default_rng(seed)
    n = N_OLD + N_NEW
    x = rng.normal(size=(n, d))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    line = x @ rng.normal(size=d)
    line *= 0.5 / line.std()
    items = 0.12 * np.clip(1 + line + 0.15 * rng.normal(size=n), 0.1, 4)
    rates = np.clip(items * rng.gamma(25, 1 / 25, (2, n)), 0.001, 0.95)
    arrives = np.where(np.arange(n) < N_OLD, 0, ARRIVE)
    return World("new items", rates, np.array([0.6, 0.4]), np.array(PLACES), arrives_at=arrives), x


class Watch:
    """Adds up the regret of the places where new items stood, over the first 50 impressions of
    each.
    """

    def __init__(self, learner, where):
        self.name, self.learner, self.where = "watch", learner, where
        self.start, self.choose, self.learn = learner.start, learner.choose, learner.learn
        self.impressions, self.visits, self.lost = np.zeros(N_OLD + N_NEW), 0, 0.0

    def note(self, state, shown):
        regret = slate_regret(self.where, self.visits, shown.segments, shown.items)
        for item, lost in zip(shown.items.ravel(), regret.ravel(), strict=True):
            if item >= N_OLD and self.impressions[item] < FIRST:
                self.lost += lost
            self.impressions[item] += 1
        self.visits += shown.segments.size
        return self.learner.note(state, shown)


def test_vectors_save_at_least_30_percent_of_the_regret_of_new_items():
    lost = {"with": 0.0, "without": 0.0}
    n_wanted, n_found = 0, 0
    for seed in range(4):
        where, vectors = world(seed)
        for name, given in (("with", vectors), ("without", None)):
            watch = Watch(default_learner(examination=PLACES, memories=(), vectors=given), where)
            simulate(where, watch, 2 * ARRIVE, seed, largest=256)
            # new items that are among the five best of a segment do come to be shown
            wanted = np.unique(np.argsort(-where.rates, axis=1)[:, :5])
            wanted = wanted[wanted >= N_OLD]
            n_wanted += wanted.size
            n_found += int((watch.impressions[wanted] >= FIRST).sum())
            lost[name] += watch.lost
    assert lost["with"] < 0.7 * lost["without"]
    assert n_found >= 0.85 * n_wanted
