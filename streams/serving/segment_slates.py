"""SegmentSlates: slates for consumers that do not ask, on a compacted topic, one record a segment
(`streams.contract.segment_slates`).

Of every variant, of every segment that has counts, and of `default`, some draws, renewed when what
they are made from has changed, at most every `EVERY_S`. One process writes a segment: the one to
which the partition of `slate-requests` is assigned that the segment's name falls into. A consumer
shows one of the draws, taken at random, so an item's propensity in a place is its share of the
draws there.
"""

import logging
from collections import Counter
from collections.abc import Callable

import numpy as np

from bandits.slates.refresh import NO_ITEMS, segment_snapshot
from bandits.slates.serve import Request, compose
from bandits.slates.snapshot_pools import Snapshot
from bandits.slates.variants import BASE
from streams.contract.events import SlateItem, encode
from streams.contract.partitioner import partition_of
from streams.contract.segment_slates import SegmentSlates, VariantSlates
from streams.contract.segments import DEFAULT_SEGMENT
from streams.kafka.producer import EventSender
from streams.metrics import ServingMetrics
from streams.serving.builder import Builder
from streams.serving.responder import slate_items
from streams.serving.served_state import ServedState

log = logging.getLogger(__name__)

EVERY_S = 5.0
ITEMS = 10
AT_ONCE = 5  # segments between two reads of what is followed


class SegmentSlatesWriter:
    """Writes what has changed; runs in the builder's thread.

    Parameters
    ----------
    builder
        What slates are made from.
    draws
        Of each segment.
    partitions, assigned
        Of `slate-requests`: how many there are, and which are this process's now.
    sender, topic, metrics
        Where the records go.
    """

    def __init__(
        self,
        builder: Builder,
        draws: int,
        partitions: int,
        assigned: Callable[[], frozenset[int]],
        sender: EventSender,
        topic: str,
        metrics: ServingMetrics,
    ) -> None:
        self._builder = builder
        variants = builder.policy_file.variants
        self._version = {each.name: each.config.version for each in variants}  # hashed once
        self._draws = draws
        self._partitions = partitions
        self._assigned = assigned
        self._sender = sender
        self._topic = topic
        self._metrics = metrics
        self._owned: frozenset[int] = frozenset()
        self._written: dict[str, tuple[object, ...]] = {}  # segment -> what it was made from
        self._next_at_s: dict[str, float] = {}
        self._looked_at = 0  # number of the state whose segments were all looked at
        self._left: list[str] = []  # of that state, still to be looked at
        self._rng = np.random.default_rng()

    def turn(self, now_s: float) -> None:
        """Write some of what is due."""
        state, owned = self._builder.state, self._assigned()
        if state is None:
            return
        if owned != self._owned:
            # what somebody else may have written since is written again, once
            for segment in list(self._written):
                if self._partition(segment) not in self._owned & owned:
                    del self._written[segment]
            self._owned, self._looked_at = owned, 0
        if not self._left and state.number != self._looked_at:
            self._looked_at = state.number
            self._left = [
                segment
                for segment in {DEFAULT_SEGMENT, *state.segments}
                if self._partition(segment) in owned
            ]
        waiting, written = [], 0
        while self._left and written < AT_ONCE:
            segment = self._left.pop()
            if self._made_from(state, segment) == self._written.get(segment):
                continue
            if now_s < self._next_at_s.get(segment, 0.0):
                waiting.append(segment)
                continue
            self._write(state, segment, now_s)
            written += 1
        self._left += waiting

    def _partition(self, segment: str) -> int:
        return partition_of(segment, self._partitions)

    def _made_from(self, state: ServedState, segment: str) -> tuple[object, ...]:
        number = state.segments.get(segment)
        builder = self._builder
        return (
            0 if number is None else builder.counts.changed_at.get(number, 0),
            builder.catalogue.version,
            state.world.encoder,
        )

    def _write(self, state: ServedState, segment: str, now_s: float) -> None:
        made_from = self._made_from(state, segment)
        found: dict[str, VariantSlates] = {}
        for name in state.variants:
            try:
                draws, policy = self._drawn(state, self._snapshot(state, name, segment, now_s))
            except Exception:
                log.exception("no slates of %s for segment %s", name, segment)
                continue
            if draws:
                share = state.variants[name].variant.share
                found[name] = VariantSlates(share, policy, self._version[name], draws)
        self._written[segment] = made_from
        self._next_at_s[segment] = now_s + EVERY_S
        base = found.pop(BASE, None)
        if base is None:
            return
        slates = SegmentSlates(
            segment=segment,
            policy=base.policy,
            policy_version=base.policy_version,
            encoder=state.world.encoder,
            counts_ts=state.world.counts_ts,
            draws=base.draws,
            ts=now_s,
            variants=found,
            salt=self._builder.policy_file.salt,
        )
        self._sender.send(self._topic, segment.encode(), encode(slates))
        self._metrics.segment_slates.inc()

    def _snapshot(self, state: ServedState, variant: str, segment: str, now_s: float) -> Snapshot:
        own, number = state.variants[variant], state.segments.get(segment)
        snapshot = own.snapshot(state.served_as(variant, segment))
        if snapshot is None and number is not None:
            return segment_snapshot(own.variant.config, own.learned, number, now_s, self._rng)
        return snapshot or own.unseen

    def _drawn(self, state: ServedState, snapshot: Snapshot) -> tuple[list[list[SlateItem]], str]:
        hidden = np.array(sorted(state.hidden), dtype=np.int64) if state.hidden else NO_ITEMS
        results = compose(snapshot, [Request(ITEMS, None, hidden)] * self._draws, self._rng)
        draws = [slate_items(result, state.names) for result in results if result.items.size]
        shares = Counter((item.item_id, item.position) for draw in draws for item in draw)
        return [
            [
                SlateItem(
                    item.item_id,
                    item.position,
                    item.score,
                    shares[item.item_id, item.position] / len(draws),
                    item.why,
                )
                for item in draw
            ]
            for draw in draws
        ], results[0].policy
