"""A log that slatestream makes itself: a policy file serves a world through the worker's own path
(`bandits.simulation.worker`), and every impression is kept with its propensity and its outcome.

What `slatestream evaluate` answers from such a log can be held against what the world would have
paid (`worth`), which no real log allows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.ope.log import Log
from bandits.simulation.simulate import LARGEST, Feedback, Shown, batches
from bandits.simulation.worker import Worker
from bandits.simulation.world import World, available, check_world, rates_at, slate_regret
from bandits.slates.config import SlateConfig


class OwnLog(NamedTuple):
    """Impressions in order, and the regret of the slates (n_slates,) in expected clicks."""

    log: Log
    regret: Floats


def own_log(
    world: World,
    config: SlateConfig,
    n_slates: int,
    seed: int,
    visits_per_s: float = 25.0,
    largest: int = LARGEST,
) -> OwnLog:
    """Serve a world, and keep the log.

    Parameters
    ----------
    world
        What the policy does not know. Feedback is not delayed here.
    config
        The policy file.
    n_slates
        Slates served; rows are as many times the places.
    seed
        Seeds the world's and the policy's randomness apart.
    visits_per_s
        Requests a second: how much comes between two refreshes.
    largest
        Most visits in a batch; larger is faster and learns a little later.

    Raises
    ------
    WorldError
        If the world cannot be visited.

    """
    check_world(world)
    nature, own = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    n_segments, n_items = world.rates.shape
    k = world.examination.size
    worker = Worker(config, (n_segments, n_items, k), visits_per_s)
    items, p = np.empty((n_slates, k), dtype=np.int64), np.empty((n_slates, k))
    segments, clicked = np.empty(n_slates, dtype=np.int64), np.zeros((n_slates, k))
    regret = np.empty(n_slates)
    for visit, size in batches(n_slates, largest):
        here = slice(visit, visit + size)
        segments[here] = nature.choice(n_segments, size=size, p=world.share)
        looked, luck = nature.random((size, k)), nature.random((size, k))
        results = worker.serve(segments[here], available(world, visit), own)
        items[here] = [result.items for result in results]
        p[here] = [result.propensities for result in results]
        regret[here] = slate_regret(world, visit, segments[here], items[here]).sum(axis=1)
        rates = rates_at(world, visit)[segments[here, None], items[here]]
        came = (looked < world.examination) & (luck < rates)  # (size, k)
        clicked[here] = came
        worker.shown(Shown(segments[here], items[here]))
        worker.heard(Feedback(segments[here], items[here], came))
    slate, position = np.repeat(np.arange(n_slates), k), np.tile(np.arange(k), n_slates)
    click = clicked.ravel()
    log = Log(
        slate=slate,
        position=position,
        item=items.ravel(),
        segment=np.repeat(segments, k),
        propensity=p.ravel(),
        click=click,
        conversion=np.zeros_like(click),
        value=click.copy(),
        time_s=slate / visits_per_s,
    )
    return OwnLog(log, regret)


def worth(world: World, table: Floats, segments: Floats) -> float:
    """Clicks per impression that a policy earns.

    Parameters
    ----------
    world
        Whose rates do not change.
    table
        (n_segments, n_places, n_items) probability of each item at each place.
    segments
        (n_segments,) share of the visits.

    """
    paid = np.einsum("sla,sa->sl", table, world.rates) * world.examination  # (n_segments, n_places)
    return float(segments @ paid.mean(axis=1))
