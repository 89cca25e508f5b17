"""Preparation: segments of a served state, made beside those who answer.

A segment's pools are made with it: of the lengths that requests had lately, and those that the
segment's last snapshot was asked for, which weights or exclusions of requests can ask for.
"""

from collections.abc import Sequence

import numpy as np

from bandits.slates.refresh import segment_snapshot
from bandits.slates.snapshot_pools import Snapshot
from bandits.slates.variants import Variant
from streams.serving.served_state import ServedState, World
from streams.serving.wanted import Pair, Wanted


class Preparation:
    """Of one thread; `wanted` says which lengths are asked for."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._rng = np.random.default_rng()

    def unseen(
        self, world: World, variants: Sequence[Variant], now_s: float, before: ServedState | None
    ) -> list[Snapshot]:
        """What segments without counts get, by variant; `before` is the last state."""
        return [
            self._made(
                world,
                each,
                None,
                now_s,
                before=None if before is None else before.variants[each.name].unseen,
            )
            for each in variants
        ]

    def add(
        self, state: ServedState, pair: Pair, now_s: float, before: ServedState | None = None
    ) -> bool:
        """Add a segment to the slates of a variant; False where there is nothing to add."""
        variant, segment = pair[0], state.served_as(*pair)
        own, number = state.variants[variant], state.segments.get(segment)
        if own.snapshot(segment) is not None or not state.knows(segment):
            return False
        codes = () if number is not None else state.codes(segment)
        last = None if before is None else before.variants[variant].prepared.get(segment)
        own.prepared[segment] = self._made(
            state.world, own.variant, number, now_s, codes=codes, before=last
        )
        return True

    def _made(
        self,
        world: World,
        variant: Variant,
        segment: int | None,
        now_s: float,
        *,
        codes: tuple[int, ...] = (),
        before: Snapshot | None,
    ) -> Snapshot:
        return segment_snapshot(
            variant.config,
            world.by_variant[variant.name],
            segment,
            now_s,
            self._rng,
            self._wanted.lengths(),
            codes,
            before,
        )
