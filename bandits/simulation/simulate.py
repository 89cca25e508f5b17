"""Simulate: visits to a world, in small batches, with delay, drift and arrivals; out comes the
curve of regret.

Each batch, in this order: 1. feedback that has come in is learned; 2. the batch's segments are
drawn; 3. the learner chooses one slate per visit, each by a draw of its own; 4. regret is added,
expected clicks of the best slate less those of the shown one; 5. looks and clicks are drawn, to be
fed back `delay` visits later.

Batches grow from 1 to `largest` visits, 2% of the time so far: a learner that updates once a batch
knows nearly as much as one that updates on every visit, and NumPy serves hundreds at once. All
learners of one seed meet the same segments, in the same batches.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.simulation.world import Ints, World, available, check_world, rates_at, slate_regret

LARGEST = 64
GROWTH = 0.02


class Shown(NamedTuple):
    """Slates of a batch: segments (b,), items (b, n_places) from the top."""

    segments: Ints
    items: Ints


class Feedback(NamedTuple):
    """What came of slates: as shown, and clicked (b, n_places) bool."""

    segments: Ints
    items: Ints
    clicked: NDArray[np.bool_]


class Learner(Protocol):
    """Something that chooses slates and learns; the state is its own, and handed back and forth."""

    name: str

    def start(self, n_segments: int, n_items: int, n_places: int) -> Any:
        """State before the first visit."""

    def choose(
        self, state: Any, segments: Ints, can_show: NDArray[np.bool_], rng: np.random.Generator
    ) -> Ints:
        """Items (b, n_places) for a batch of visits; `can_show` (n_items,)."""

    def note(self, state: Any, shown: Shown) -> Any:
        """State after slates went out: their feedback is on its way."""

    def learn(self, state: Any, feedback: Feedback) -> Any:
        """State after feedback came in."""


class Curve(NamedTuple):
    """Cumulative regret.

    Attributes
    ----------
    visits
        (n_batches,) visits so far.
    regret
        (n_batches,) clicks lost so far.
    state
        The learner's last state.

    """

    visits: Ints
    regret: Floats
    state: Any


def batches(n_visits: int, largest: int = LARGEST) -> list[tuple[int, int]]:
    """First visit and size of every batch.

    Examples
    --------
    >>> batches(5)
    [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]

    """
    out, visit = [], 0
    while visit < n_visits:
        size = int(min(max(1, visit * GROWTH), largest, n_visits - visit))
        out.append((visit, size))
        visit += size
    return out


def simulate(
    world: World, learner: Learner, n_visits: int, seed: int, *, largest: int = LARGEST
) -> Curve:
    """Let a learner serve a world.

    Parameters
    ----------
    world
        What it does not know.
    learner
        Who chooses.
    n_visits
        How long.
    seed
        Seeds the world's and the learner's randomness apart.
    largest
        Most visits in one batch; larger is faster and learns a little later.

    Raises
    ------
    WorldError
        If the world cannot be visited.

    """
    check_world(world)
    nature, own = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    n_segments, n_items = world.rates.shape
    n_places = world.examination.size
    state = learner.start(n_segments, n_items, n_places)
    waiting: deque[tuple[int, Feedback]] = deque()
    visits, curve, total = [], [], 0.0
    for visit, size in batches(n_visits, largest):
        while waiting and waiting[0][0] <= visit:  # 1.
            state = learner.learn(state, waiting.popleft()[1])
        segments = nature.choice(n_segments, size=size, p=world.share)  # 2. (b,)
        looked, luck = nature.random((size, n_places)), nature.random((size, n_places))
        items = learner.choose(state, segments, available(world, visit), own)  # 3. (b, n_places)
        total += float(slate_regret(world, visit, segments, items).sum())  # 4.
        # 5.
        clicked = (looked < world.examination) & (
            luck < rates_at(world, visit)[segments[:, None], items]
        )
        state = learner.note(state, Shown(segments, items))
        waiting.append((visit + size + world.delay, Feedback(segments, items, clicked)))
        visits.append(visit + size)
        curve.append(total)
    return Curve(np.array(visits, dtype=np.int64), np.array(curve), state)
