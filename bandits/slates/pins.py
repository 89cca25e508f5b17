"""Pins: items that a request wants at a place, whatever the policy says.

    p(a, j) = 1                 a pinned item at its place
            = p_rest(a, i)      an item that the policy put at the i-th place that is left

where `rest` is a slate of the other eligible items for the places that are left: so everything that
holds of slates without pins holds of it. An item that may not be shown, or is excluded, is not
pinned, and its place is the policy's. Where too few items are eligible to reach a pin's place, it
moves up: places have no gaps.

Not promised: limits and diversity look at the rest alone.
"""

from __future__ import annotations

import numpy as np

from bandits.slates.request import Pin, Request, SlateResult
from bandits.slates.segment import SegmentView


def effective(view: SegmentView, request: Request) -> tuple[Pin, ...]:
    """Pins that can be shown, by place."""
    if not request.pins:
        return ()
    barred = set(request.exclude.tolist())
    shown = (pin for pin in request.pins if view.shown[pin.item] and pin.item not in barred)
    return tuple(sorted(shown, key=lambda pin: pin.position))


def without(request: Request, pins: tuple[Pin, ...]) -> Request:
    """What is left to the policy."""
    if not pins:
        return request._replace(pins=()) if request.pins else request
    pinned = np.array([pin.item for pin in pins], dtype=np.int64)
    exclude = np.union1d(request.exclude, pinned)
    return request._replace(k=request.k - len(pins), exclude=exclude, pins=())


def merged(view: SegmentView, rest: SlateResult, pins: tuple[Pin, ...]) -> SlateResult:
    """The whole slate: pins at their places, the rest in order at those that are left.

    `why` of a pinned item has `pinned` 1, and its score is 0: no score chose it.
    """
    if not pins:
        return rest
    n = rest.items.size + len(pins)
    taken = [min(pin.position, n - len(pins) + at) for at, pin in enumerate(pins)]
    left = np.setdiff1d(np.arange(n), taken)  # (n_rest,)
    items, scores, chances = np.zeros(n, dtype=np.int64), np.zeros(n), np.ones(n)
    items[left], scores[left], chances[left] = rest.items, rest.scores, rest.propensities
    why: list[dict[str, float]] = [{}] * n
    for place, parts in zip(left.tolist(), rest.why, strict=True):
        why[place] = parts
    for place, pin in zip(taken, pins, strict=True):
        items[place] = pin.item
        why[place] = {
            "mean": float(view.mean[pin.item]),
            "impressions": float(view.impressions[pin.item]),
            "prior": float(view.arms.prior_mean[pin.item]),
            "pinned": 1.0,
        }
    return SlateResult(items, scores, chances, why, rest.policy)
