"""The counts learner: this library's policies as the simulator and the benchmarks run them.

State is counts and nothing else. A slate that goes out adds its looks to `examined` and `pending`;
feedback takes them out of `pending` and adds the clicks. Memories (`Counts.recent`) forget by
clicks: their clock is the number of clicks so far, so that one half-life suits busy and quiet
sites, high click rates and low ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats, Policy
from bandits.counts import Counts, zeros
from bandits.learning.change_detection import RECENT_HALF_LIVES
from bandits.learning.position import examination_of
from bandits.learning.priors import PriorConfig, Strengths, arm_view, learn, strengths
from bandits.policies.mixture import default_policy
from bandits.simulation.simulate import Feedback, Shown
from bandits.simulation.world import Ints

# strengths are learned again when the looks have grown by this share: they move slowly
RELEARN = 0.2


class State(NamedTuple):
    """Counts, the strengths learned of them, at how many looks that was, and places of a slate."""

    counts: Counts
    shared: Strengths
    learned_at: float
    n_places: int


class CountsLearner(NamedTuple):
    """A policy over counts.

    Attributes
    ----------
    name
        As reports print it.
    policy
        What ranks.
    config
        How much to borrow.
    examination
        Weight of each place, beyond the last the last; (1.0,) ignores places.
    memories
        Half-lives in clicks, shortest first; none forgets nothing.
    vectors
        (n_items, d), or None.

    """

    name: str
    policy: Policy
    config: PriorConfig = PriorConfig()
    examination: tuple[float, ...] = (1.0,)
    memories: tuple[float, ...] = RECENT_HALF_LIVES
    vectors: Floats | None = None

    def start(self, n_segments: int, n_items: int, n_places: int) -> State:
        """Empty counts."""
        counts = zeros(n_segments, n_items, len(self.memories))
        return State(counts, strengths(counts, self.config, self.vectors), 0.0, n_places)

    def choose(
        self, state: State, segments: Ints, can_show: NDArray[np.bool_], rng: np.random.Generator
    ) -> Ints:
        """Slates by one draw per visit, (b, n_places)."""
        beliefs = learn(state.counts, self.config, self.vectors, shared=state.shared)
        out = np.empty((segments.size, state.n_places), dtype=np.int64)
        for segment in np.unique(segments):
            here = np.flatnonzero(segments == segment)
            view = arm_view(state.counts, int(segment), self.config, self.vectors, beliefs=beliefs)
            scores = self.policy.draws(view, rng, here.size)  # (n_here, n_items)
            out[here] = best(np.where(can_show, scores, -np.inf), state.n_places, rng)
        return out

    def note(self, state: State, shown: Shown) -> State:
        """Looks go into `examined` and `pending`."""
        looks, impressions = self._looks(state, shown.segments, shown.items)

        def show(counts: Counts) -> Counts:
            return counts._replace(
                impressions=counts.impressions + impressions,
                examined=counts.examined + looks,
                pending=counts.pending + looks,
            )

        counts = show(state.counts)
        return state._replace(
            counts=counts._replace(recent=tuple(show(copy) for copy in state.counts.recent))
        )

    def learn(self, state: State, feedback: Feedback) -> State:
        """Clicks come in and their looks are settled; memories fade by that many clicks first."""
        looks, _ = self._looks(state, feedback.segments, feedback.items)
        clicks = self._sum(
            state, feedback.segments, feedback.items, feedback.clicked.astype(np.float64)
        )
        n_clicks = float(clicks.sum())

        def arrived(counts: Counts) -> Counts:
            return counts._replace(
                clicks=counts.clicks + clicks,
                value=counts.value + clicks,
                pending=np.maximum(counts.pending - looks, 0.0),
            )

        recent = []
        for half_life, copy in zip(self.memories, state.counts.recent, strict=True):
            keep = 2.0 ** (-n_clicks / half_life)
            # Looks in flight are not faded: they will be taken out in full when their feedback
            # comes.
            settled = np.maximum(copy.examined - copy.pending, 0.0)
            faded = copy._replace(
                impressions=copy.pending + (copy.impressions - copy.pending) * keep,
                clicks=copy.clicks * keep,
                value=copy.value * keep,
                examined=copy.pending + settled * keep,
            )
            recent.append(arrived(faded))
        counts = arrived(state.counts)._replace(recent=tuple(recent))
        seen = float(counts.examined.sum() - counts.pending.sum())
        if seen < state.learned_at * (1 + RELEARN):
            return state._replace(counts=counts)
        return State(counts, strengths(counts, self.config, self.vectors), seen, state.n_places)

    def _looks(self, state: State, segments: Ints, items: Ints) -> tuple[Floats, Floats]:
        weights = examination_of(np.arange(state.n_places), self.examination)  # (n_places,)
        looks = self._sum(state, segments, items, np.broadcast_to(weights, items.shape))
        return looks, self._sum(state, segments, items, np.ones(items.shape))

    def _sum(self, state: State, segments: Ints, items: Ints, amounts: Floats) -> Floats:
        shape = state.counts.clicks.shape
        cells = (segments[:, None] * shape[1] + items).ravel()
        sums = np.bincount(cells, weights=amounts.ravel(), minlength=shape[0] * shape[1])
        return np.asarray(sums, dtype=np.float64).reshape(shape)


def best(scores: Floats, k: int, rng: np.random.Generator) -> Ints:
    """First k columns of every row by score, (n, k); equal scores in an order drawn
    once per call.
    """
    order = rng.permutation(scores.shape[1])
    shuffled = scores[:, order]
    if k < scores.shape[1]:
        top = np.argpartition(-shuffled, k - 1, axis=1)[:, :k]
    else:
        top = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    inside = np.argsort(-np.take_along_axis(shuffled, top, axis=1), axis=1, kind="stable")
    return np.asarray(order[np.take_along_axis(top, inside, axis=1)], dtype=np.int64)


def default_learner(
    name: str = "slatestream",
    *,
    examination: Sequence[float] = (1.0,),
    memories: Sequence[float] = RECENT_HALF_LIVES,
    vectors: Floats | None = None,
) -> CountsLearner:
    """Make the learner with this library's default policy and priors: one setting for
    every world.
    """
    return CountsLearner(
        name,
        default_policy(),
        examination=tuple(examination),
        memories=tuple(memories),
        vectors=vectors,
    )
