"""Nothing a catalogue can hold starves: an item that nobody has seen is shown within the bound."""

from __future__ import annotations

import numpy as np

from bandits.counts import zeros
from bandits.slates.config_file import parse_config
from bandits.slates.exceedances import tail
from bandits.slates.request import Catalogue
from bandits.slates.sampling import draw
from bandits.slates.segment import scorers_of
from bandits.slates.serve import compose, prepare
from bandits.slates.signals import weighted_sum
from tests.bandits.slate_world import ask

N_OLD, N_NEW, K, PER_SNAPSHOT = 4990, 10, 10, 100


def long_tail():
    """Rates gamma of shape 0.15 and mean 2%, 2,000 looks of each old item and none of the new."""
    rng = np.random.default_rng(3)
    looks = np.where(np.arange(N_OLD + N_NEW) < N_OLD, 2000.0, 0.0)[None]
    theta = np.minimum(rng.gamma(0.15, 0.02 / 0.15, looks.shape), 0.9)
    clicks = rng.binomial(looks.astype(int), theta).astype(float)
    counts = zeros(*looks.shape)._replace(impressions=looks, clicks=clicks, examined=looks.copy())
    nothing = np.full(looks.size, -1, dtype=np.int32)
    shown = np.ones(looks.size, dtype=np.bool_)
    return counts, Catalogue(shown, np.full(looks.size, np.nan), nothing, None)


def test_every_new_item_is_shown_within_the_bound_of_the_guide():
    """p = P(theta / 2 + index / 2 > k-th best score), theta from the prior; R = log(1000) / p."""
    counts, catalogue = long_tail()
    config, rng = parse_config(""), np.random.default_rng(4)
    view = prepare(config, counts, 0, catalogue, 0.0, rng).view
    scorers = scorers_of(view, dict(config.objectives), view.facts)
    random, index = scorers
    old = weighted_sum(draw(view, scorers, np.arange(N_OLD), 200, rng).signals)  # (200, n_old)
    worst = np.sort(old, axis=1)[:, -K]  # (200,) the k-th best score
    alpha, beta = (x[-1:] for x in random.policy.betas(view.arms))
    level = np.maximum((worst - index.weight * index.fixed[-1]) / random.weight, 0.0)
    p = float(tail(np.repeat(alpha, 200), np.repeat(beta, 200), level).mean())
    bound = int(np.log(1000) / p)
    assert bound < 100
    shown = set()
    for _ in range(-(-bound // PER_SNAPSHOT)):
        snapshot = prepare(config, counts, 0, catalogue, 0.0, rng)
        for result in compose(snapshot, [ask(K)] * PER_SNAPSHOT, rng):
            shown.update(result.items[result.items >= N_OLD].tolist())
    assert len(shown) == N_NEW
