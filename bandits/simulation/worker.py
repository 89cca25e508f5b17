"""The worker as a learner of the simulator: a policy file, served as a worker and its serving
process serve it (`bandits.slates.refresh`).

    slates go out       their looks are counted at once; whether a click comes is not known yet
    feedback comes      clicks are counted, with their delays; no click is no event. They came
                        between the batch that went out last and now: half way
    every `refresh_s`   counts -> beliefs -> one snapshot per segment, from whose draws all requests
                        until the next are served

Time is visits / `visits_per_s`. What is left out: topics and flushes, about half a second from an
event to the counts; so a refresh here is as fresh as one of `refresh_s` + 0.5 s there.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.places import BANDS, PlaceCounts, band_of
from bandits.learning.position import examination_of
from bandits.learning.recent_counts import CLICKS, COLUMNS, EXAMINED, IMPRESSIONS, VALUE
from bandits.learning.user_features import profile
from bandits.learning.user_history import History
from bandits.learning.user_learner import UserLearner
from bandits.learning.user_log import offered_of
from bandits.simulation.simulate import Feedback, Shown
from bandits.simulation.world import Ints
from bandits.slates.config import SlateConfig
from bandits.slates.learner import Learner
from bandits.slates.refresh import (
    NO_ITEMS,
    REFRESH_S,
    Known,
    evidence_of,
    examination_of_bands,
    segment_snapshot,
)
from bandits.slates.request import Catalogue, Request, SlateResult, User
from bandits.slates.serve import compose
from bandits.slates.snapshot_pools import Snapshot

WINDOW_S = 3600.0  # attribution window, as shipped
START_S = 1e9  # of the clock: a time that has a past


Place = tuple[int, tuple[int, ...]]  # a segment and nothing, or -1 and the values of its fields


class Worker:
    """What is counted and served so far.

    Parameters
    ----------
    config
        The policy file.
    shape
        Segments, items and places of a slate.
    visits_per_s
        Requests a second; more are more clicks within the shortest time in which a memory fades.
    refresh_s
        Least time between two refreshes; larger learns later.
    vectors
        (n_items, d), or None.
    codes
        (n_segments, n_fields) values of the fields that segments are made of, or None.

    """

    def __init__(
        self,
        config: SlateConfig,
        shape: tuple[int, int, int],
        visits_per_s: float,
        refresh_s: float = REFRESH_S,
        vectors: NDArray[np.float32] | None = None,
        codes: Ints | None = None,
    ) -> None:
        self.config, self.shape, self.vectors, self.codes = config, shape, vectors, codes
        self.visits, self.visits_per_s, self.refresh_s = 0, visits_per_s, refresh_s
        self.looks = examination_of(
            np.arange(shape[2]), config.examination or (1.0,)
        )  # (n_places,)
        self.bands = band_of(np.arange(shape[2]))  # (n_places,)
        self.placed = np.zeros((2, shape[0] * shape[1], len(BANDS)))  # impressions, clicks
        self.evidence = evidence_of(config, WINDOW_S)
        self.evidence.reserve(shape[:2])
        self.learner = Learner(self.evidence, fields=codes is not None)
        self.users, self.slates = UserLearner(), 0
        self.shown_at_s: deque[float] = deque()  # of the batches whose feedback is on its way
        self.last_s = START_S  # when the last batch went out
        self.known: Known | None = None
        self.snapshots: dict[Place, Snapshot] = {}
        self.next_s = START_S
        self.can_show: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)

    @property
    def now_s(self) -> float:
        """The clock."""
        return START_S + self.visits / self.visits_per_s

    def serve(
        self,
        segments: Ints,
        can_show: NDArray[np.bool_],
        rng: np.random.Generator,
        codes: Ints | None = None,
        users: Ints | None = None,
    ) -> list[SlateResult]:
        """One slate for each visit of a batch, by the snapshots in force. A segment of -1 is one of
        which no counts are kept by name: `codes` (n_visits, n_fields) say what its fields are;
        `users` (n_visits,) who asks, where anything is known of that.
        """
        if self.known is None or self.now_s >= self.next_s or (can_show != self.can_show).any():
            self._refresh(can_show)
        results: list[SlateResult | None] = [None] * segments.size
        visits: dict[Place, list[int]] = {}
        for at, segment in enumerate(segments.tolist()):
            visits.setdefault(self._place(segment, codes, at), []).append(at)
        for place, here in visits.items():
            requests = [self._request(users, at) for at in here]
            slates = compose(self._snapshot(place, rng), requests, rng)
            for at, result in zip(here, slates, strict=True):
                results[at] = result
        return [result for result in results if result is not None]

    def _request(self, users: Ints | None, at: int) -> Request:
        request = Request(self.shape[2], None, NO_ITEMS)
        if users is None:
            return request
        history = self.users.history(int(users[at]), self.now_s, self.shape[1])
        if history is None:
            return request
        return request._replace(
            user=User(history, self.users.effects), user_vector=self._profile(history)
        )

    def _profile(self, history: History) -> NDArray[np.float32] | None:
        if self.vectors is None or not history.clicked.size:
            return None
        return profile(self.vectors[history.clicked])

    def visited(self, users: Ints, slates: list[SlateResult], clicked: NDArray[np.bool_]) -> None:
        """Users saw their slates whole and clicked, (n_visits, n_places) bool: what is learned of
        users; `shown` and `heard` are about items.
        """
        now_s = self.now_s
        for user, slate, hits in zip(users.tolist(), slates, clicked, strict=True):
            self.slates += 1
            items = slate.items.tolist()
            self.users.offered(self.slates, offered_of(items, range(len(items)), slate.why), now_s)
            self.users.seen(self.slates, user, items, now_s)
            for item in slate.items[hits].tolist():
                self.users.clicked(self.slates, user, item)

    def shown(self, shown: Shown) -> None:
        """Slates went out."""
        increments = np.zeros((shown.items.size, len(COLUMNS)))
        increments[:, IMPRESSIONS] = 1.0
        increments[:, EXAMINED] = np.tile(self.looks, shown.segments.size)
        self._add(shown.segments, shown.items, increments)
        self._put(0, shown.segments, shown.items, np.ones(shown.items.shape))
        self.last_s = self.now_s
        self.shown_at_s.append(self.last_s)
        self.visits += shown.segments.size

    def heard(self, feedback: Feedback) -> None:
        """Clicks came in, batch by batch in the order of the slates.

        subtle: looks whose clicks are in are older than the delay, looks whose clicks are not are
        younger. Of a look as old as the delay a part would count, and its click all the same.
        """
        shown_at_s, clicked = self.shown_at_s.popleft(), feedback.clicked.ravel()
        increments = np.zeros((clicked.size, len(COLUMNS)))
        increments[:, CLICKS] = increments[:, VALUE] = clicked
        self._add(feedback.segments, feedback.items, increments)
        self._put(1, feedback.segments, feedback.items, feedback.clicked.astype(np.float64))
        delay_s = (self.last_s + self.now_s) / 2 - shown_at_s
        self.evidence.clicked([(delay_s, shown_at_s)] * int(clicked.sum()))

    def _add(self, segments: Ints, items: Ints, increments: Floats) -> None:
        cells = np.repeat(segments, items.shape[1]), items.ravel()
        self.learner.add(*cells, increments)
        self.evidence.add(*cells, increments, self.now_s)

    def _put(self, what: int, segments: Ints, items: Ints, amounts: Floats) -> None:
        cells = segments[:, None] * self.shape[1] + items  # (b, n_places)
        np.add.at(self.placed[what], (cells, np.broadcast_to(self.bands, cells.shape)), amounts)

    def _placed(self) -> PlaceCounts:
        cells = np.flatnonzero(self.placed[0].any(axis=1))
        n_items = self.shape[1]
        return PlaceCounts(cells // n_items, cells % n_items, *self.placed[:, cells])

    def _refresh(self, can_show: NDArray[np.bool_]) -> None:
        n_items = self.shape[1]
        nothing, alone = np.full(n_items, np.nan), np.full(n_items, -1, dtype=np.int32)
        catalogue = Catalogue(can_show.copy(), nothing, alone, self.vectors)
        self.learner.look(self.shape[:2], self.now_s)
        self.known = self.learner.learn(
            self.config, catalogue, self.codes, self.known, placed=self._placed()
        )
        self.users.refresh(self.now_s, examination_of_bands(self.config, self.known))
        self.snapshots = {}
        self.can_show, self.next_s = can_show.copy(), self.now_s + self.refresh_s

    def _place(self, segment: int, codes: Ints | None, at: int) -> Place:
        """What a visit shares its snapshot with: a segment, or a combination without counts."""
        if self.known is None or self.known.groups is None:
            return segment, ()
        groups = self.known.groups
        if segment >= 0:
            return int(groups.first[groups.of[segment]]), ()
        values = () if codes is None else tuple(codes[at].tolist())
        row = groups.find(values)
        return (-1, values) if row is None else (int(groups.first[row]), ())

    def _snapshot(self, place: Place, rng: np.random.Generator) -> Snapshot:
        if self.known is None:
            msg = "expected a refresh before a snapshot"
            raise RuntimeError(msg)
        if place not in self.snapshots:
            segment, codes = place
            self.snapshots[place] = segment_snapshot(
                self.config,
                self.known,
                None if segment < 0 else segment,
                self.now_s,
                rng,
                codes=codes,
            )
        return self.snapshots[place]


class WorkerLearner:
    """`Learner` of the simulator around a `Worker`; the state is the worker, which changes."""

    def __init__(
        self,
        name: str,
        config: SlateConfig,
        visits_per_s: float,
        refresh_s: float = REFRESH_S,
        vectors: NDArray[np.float32] | None = None,
    ) -> None:
        self.name, self.config, self.vectors = name, config, vectors
        self.visits_per_s, self.refresh_s = visits_per_s, refresh_s

    def start(self, n_segments: int, n_items: int, n_places: int) -> Worker:
        """A worker without counts."""
        shape = n_segments, n_items, n_places
        return Worker(self.config, shape, self.visits_per_s, self.refresh_s, self.vectors)

    def choose(
        self, state: Any, segments: Ints, can_show: NDArray[np.bool_], rng: np.random.Generator
    ) -> Ints:
        """Items (b, n_places)."""
        return np.stack([result.items for result in state.serve(segments, can_show, rng)])

    def note(self, state: Any, shown: Shown) -> Any:
        """Looks are counted."""
        state.shown(shown)
        return state

    def learn(self, state: Any, feedback: Feedback) -> Any:
        """Clicks are counted."""
        state.heard(feedback)
        return state
