"""Explain: which items a slate could not show, and why.

Reasons are looked at in this order, and an item counts for the first that holds:

    not available    withdrawn, `available` false, or excluded by the policy file
    excluded         by the request
    not a candidate  the request names others
    filter ...       the part of its filter that the item does not fit

besides candidates and pins that nobody has described.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from streams.contract.events import SlateRequest
from streams.contract.http import Filtered
from streams.serving.asking import Source
from streams.serving.facets import parts
from streams.serving.served_state import ServedState, numbers

SOME = 10  # names that stand for the others

Mask = NDArray[np.bool_]


def explain(
    state: ServedState, source: Source, request: SlateRequest, variant: str
) -> tuple[int, list[Filtered]]:
    """How many items were eligible, and the others by reason, in slates of a variant."""
    left = np.ones(state.world.n_items, dtype=np.bool_)
    filtered = []
    for reason, barred in _barred(state, source, request, variant):
        gone = np.flatnonzero(left & barred)
        left &= ~barred
        if gone.size:
            some = [state.names[number] for number in gone[:SOME].tolist()]
            filtered.append(Filtered(reason, int(gone.size), some))
    unknown = [
        name
        for name in dict.fromkeys(
            [*(request.candidates or ()), *(pin.item_id for pin in request.pin or ())]
        )
        if not _known(source.items.get(name), state)
    ]
    if unknown:
        filtered.append(Filtered("unknown", len(unknown), unknown[:SOME]))
    return int(left.sum()), filtered


def _barred(
    state: ServedState, source: Source, request: SlateRequest, variant: str
) -> Iterator[tuple[str, Mask]]:
    n = state.world.n_items
    yield (
        "not available",
        ~state.variants[variant].learned.catalogue.available | _mask(state.hidden, n),
    )
    if request.exclude:
        yield "excluded", _mask(map(source.items.get, request.exclude), n)
    pinned = _mask((source.items.get(pin.item_id) for pin in request.pin or ()), n)
    if request.candidates is not None:
        named = _mask(map(source.items.get, request.candidates), n)
        yield "not a candidate", ~(named | pinned)
    if request.filter is not None:
        for name, fits in parts(state.world.facets, request.filter).items():
            yield f"filter {name}", ~(fits | pinned)


def _mask(found: Iterable[int | None], n: int) -> Mask:
    mask = np.zeros(n, dtype=np.bool_)
    known = numbers(found)
    mask[known[known < n]] = True
    return mask


def _known(number: int | None, state: ServedState) -> bool:
    return number is not None and number < state.world.n_items
