"""Responder: a slate request to a slate, from the served state of the moment. Any thread may ask.

The generator of a request is seeded by its `request_id` and the state it is answered from: the same
request of the same state gets the same slate. Whatever fails while a slate is made costs a fallback
slate: eligible items in random order, with `mode` 1 in `why`.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from bandits.slates.pins import effective, merged, without
from bandits.slates.serve import Request, SlateResult, compose
from bandits.slates.snapshot_pools import Snapshot
from bandits.slates.variants import Assigned, PolicyFile
from streams.contract.events import Slate, SlateItem, SlateRequest
from streams.contract.segments import context_segment
from streams.metrics import ServingMetrics
from streams.serving.asking import Filters, Source, asked, candidates, fields_of
from streams.serving.served_state import ServedState
from streams.serving.users import Users

log = logging.getLogger(__name__)

FALLBACK = "fallback"
SAY_EVERY_S = 60.0


class NotReady(RuntimeError):
    """Nothing can be answered yet: there is no served state."""


class Busy(RuntimeError):
    """Another thread makes a slate that takes long."""


class Responder:
    """Answers from the builder's state.

    Parameters
    ----------
    policy_file, group, segment_fields
        Variants, consumer group and context fields, as slates say them.
    source
        The builder.
    users
        Who was shown and clicked what.
    metrics
        Of the process.
    """

    def __init__(
        self,
        policy_file: PolicyFile,
        group: str,
        segment_fields: Sequence[str],
        source: Source,
        users: Users,
        metrics: ServingMetrics,
    ) -> None:
        variants = policy_file.variants
        self._policy_file = policy_file
        self._version = {each.name: each.config.version for each in variants}  # hashed once
        self._relevance = any(dict(each.config.objectives).get("relevance") for each in variants)
        self._group = group
        self._segment_fields = segment_fields
        self.source = source
        self._users = users
        self._metrics = metrics
        self._filters = Filters()
        self._lock = threading.Lock()  # pools are made at their first use
        self._said_s = -SAY_EVERY_S

    @property
    def state(self) -> ServedState | None:
        """What it answers from now."""
        return self.source.state

    def is_quick(self, request: SlateRequest) -> bool:
        """Whether its slate is one of the segment's own: no pool is to be made for it, which can
        take a hundred milliseconds where there are many items.
        """
        said = (
            request.filter,
            request.candidates,
            request.exclude,
            request.pin,
            request.objectives,
        )
        state = self.source.state
        matters = self._relevance or (state is not None and state.world.effects.some)
        personal = matters and self._users.knows(request.user_id)
        return not personal and all(each is None for each in said)

    def answer(
        self,
        request: SlateRequest,
        now_s: float,
        wait: bool = False,
        block: bool = True,
        hurried: bool = False,
    ) -> Slate | None:
        """The slate; None where waiting would give a better one and the asker can wait. Hurried, it
        is a fallback slate, which takes next to no time.

        Worth waiting for are a segment that has counts, or fields with values that have, and was
        not asked for lately, and items that are newer than the state.

        Raises
        ------
        NotReady
            Before the first state.
        EventError
            For a context that makes no segment.
        Busy
            Where it may not block, and another thread makes a slate.
        """
        began = time.perf_counter()
        state = self.source.state
        if state is None:
            msg = "the counts and items are not read yet; try again in a moment"
            raise NotReady(msg)
        segment = request.segment or context_segment(request.context, self._segment_fields)
        assigned = self.assigned(request)
        name = assigned.variant.name
        served_as = state.served_as(name, segment)
        self.source.want(name, served_as, request.k, now_s)
        snapshot = state.variants[name].snapshot(served_as)
        among, newer = candidates(state, self.source, self._filters, request)
        if wait and (newer or (snapshot is None and state.knows(served_as))):
            return None
        snapshot = state.variants[name].unseen if snapshot is None else snapshot
        rng = np.random.default_rng(_seed(request.request_id, state.number))
        history = self._users.history(request.user_id, now_s, state.world.n_items)
        wanted = asked(state, self.source, request, among, history)
        if hurried:
            self._metrics.fallbacks.inc()
            result = fallback(snapshot, wanted, rng)
            return self._slate(state, request, segment, assigned, result, now_s)
        if not self._lock.acquire(blocking=block):
            raise Busy
        try:
            result = compose(snapshot, [wanted], rng)[0]
        except Exception as error:
            self._say(error, now_s)
            result = fallback(snapshot, wanted, rng)
        finally:
            self._lock.release()
        self._metrics.compute_s.observe(time.perf_counter() - began)
        return self._slate(state, request, segment, assigned, result, now_s)

    def assigned(self, request: SlateRequest) -> Assigned:
        """The variant that a request is answered by: its user's."""
        return self._policy_file.assign(request.user_id or request.request_id)

    def _slate(
        self,
        state: ServedState,
        request: SlateRequest,
        segment: str,
        assigned: Assigned,
        result: SlateResult,
        now_s: float,
    ) -> Slate:
        return Slate(
            slate_id=request.request_id,
            request_id=request.request_id,
            user_id=request.user_id,
            group=self._group,
            segment=segment,
            variant=assigned.variant.name,
            policy=result.policy,
            policy_version=self._version[assigned.variant.name],
            encoder=state.world.encoder,
            counts_ts=state.world.counts_ts,
            items=self._items(state, request, assigned, result),
            ts=now_s,
        )

    def _items(
        self, state: ServedState, request: SlateRequest, assigned: Assigned, result: SlateResult
    ) -> list[SlateItem]:
        items = slate_items(result, state.names)
        if items and len(state.variants) > 1:
            # the log must say by which chance the user got this policy (`outcome_rows`)
            share = 0.0 if assigned.forced else assigned.variant.share
            items[0].why["variant_share"] = share
        if not request.fields:
            return items
        catalogue, fields = self.source.catalogue, request.fields
        return [
            msgspec.structs.replace(item, fields=fields_of(catalogue, item.item_id, fields))
            for item in items
        ]

    def _say(self, error: Exception, now_s: float) -> None:
        self._metrics.fallbacks.inc()
        if now_s - self._said_s >= SAY_EVERY_S:
            self._said_s = now_s
            log.error("a slate could not be made, fallback slates go out", exc_info=error)


def slate_items(result: SlateResult, names: Sequence[str]) -> list[SlateItem]:
    """The items of a slate as they are written."""
    places: Iterable[tuple[Any, ...]] = zip(
        result.items.tolist(),
        result.scores.tolist(),
        result.propensities.tolist(),
        result.why,
        strict=True,
    )
    return [
        SlateItem(names[item], at, score, propensity, why)
        for at, (item, score, propensity, why) in enumerate(places)
    ]


def fallback(snapshot: Snapshot, asked: Request, rng: np.random.Generator) -> SlateResult:
    """Eligible items in random order: each has the same chance of each place that no pin has."""
    pins = effective(snapshot.view, asked)
    return merged(snapshot.view, _random(snapshot, without(asked, pins), rng), pins)


def _random(snapshot: Snapshot, asked: Request, rng: np.random.Generator) -> SlateResult:
    eligible = snapshot.available
    if asked.candidates is not None:
        eligible = np.intersect1d(eligible, asked.candidates)
    if asked.exclude.size:
        eligible = np.setdiff1d(eligible, asked.exclude)
    items = rng.choice(eligible, min(asked.k, eligible.size), replace=False)  # in random order
    n = items.size
    chance = 1.0 / max(1, eligible.size)
    why = [{"mode": 1.0} for _ in range(n)]
    return SlateResult(items, np.zeros(n), np.full(n, chance), why, FALLBACK)


def _seed(request_id: str, state: int) -> list[int]:
    digest = hashlib.blake2b(request_id.encode(), digest_size=16).digest()
    return [int.from_bytes(digest, "little"), state]
