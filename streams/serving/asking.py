"""Asking: what a slate request asks for, in the numbers of a served state.

candidates   named by the request, and fitting its filter
exclude      named by the request, or not to be shown since the state was made
pins         items that the state knows; the responder's policy has the places of others
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bandits.learning.user_history import History
from bandits.slates.refresh import NO_ITEMS
from bandits.slates.request import Pin, Request, User
from streams.contract.events import Filter, SlateRequest, encode
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import Index
from streams.serving.facets import fitting
from streams.serving.served_state import ServedState, numbers
from streams.serving.users import user_vector

Items = NDArray[np.int64]
KEPT_FILTERS = 64  # of one state: a category page asks with the same filter again and again
# of a slate's `fields`: a hundred items must fit one record
MOST_CHARACTERS = 2000
MOST_TAGS = 50


class Source(Protocol):
    """What a responder asks of the builder."""

    state: ServedState | None
    items: Index
    catalogue: CatalogueView

    def want(self, variant: str, segment: str, length: int, now_s: float) -> None:
        """A segment of a variant is asked for, and a length of slates."""

    def want_item(self, name: str) -> None:
        """An item is named that nobody described."""


class Filters:
    """Items that fit the filters asked for lately; any thread may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, bytes], Items] = OrderedDict()

    def fitting(self, state: ServedState, wanted: Filter) -> Items:
        """Sorted numbers of the items that fit."""
        key = state.number, encode(wanted)
        found = self._kept.get(key)
        if found is None:
            found = np.flatnonzero(fitting(state.world.facets, wanted)).astype(np.int64)
            self._kept[key] = found
            if len(self._kept) > KEPT_FILTERS:
                self._kept.popitem(last=False)
        return found


def candidates(
    state: ServedState, source: Source, filters: Filters, request: SlateRequest
) -> tuple[Items | None, bool]:
    """Numbers of the items that a request may be shown, None for all; and whether it names some
    that may be shown and that the state does not know.
    """
    named, newer = _named(state, source, request)
    if request.filter is None:
        return named, newer
    fits = filters.fitting(state, request.filter)
    if named is not None:
        fits = np.intersect1d(fits, named, assume_unique=True)
    return fits, newer


def _named(state: ServedState, source: Source, request: SlateRequest) -> tuple[Items | None, bool]:
    if request.candidates is None:
        return None, False
    found, newer = [], False
    undescribed, n_items = source.catalogue.undescribed, state.world.n_items
    get = source.items.get
    for name in request.candidates:
        number = get(name)
        if number is not None and number < n_items:
            found.append(number)
        elif undescribed:
            source.want_item(name)
            newer = True
        elif source.catalogue.may_show(name):
            newer = True
    return numbers(found), newer


def asked(
    state: ServedState,
    source: Source,
    request: SlateRequest,
    among: Items | None,
    history: History | None,
) -> Request:
    """The request in numbers; `among` are its candidates, `history` is its user's."""
    n = state.world.n_items
    excluded = NO_ITEMS
    if request.exclude or state.hidden:
        names = request.exclude or ()
        excluded = numbers([*(source.items.get(name) for name in names), *state.hidden])
        excluded = excluded[excluded < n]
    pins = tuple(
        Pin(number, pin.position)
        for pin in request.pin or ()
        if (number := source.items.get(pin.item_id)) is not None and number < n
    )
    objectives: dict[str, float] | None = None
    if request.objectives is not None:
        objectives = {str(name): weight for name, weight in request.objectives.items()}
    vector = user_vector(history, state.world.catalogue.vectors)
    user = None if history is None else User(history, state.world.effects)
    return Request(request.k, among, excluded, vector, objectives, pins, user)


def fields_of(catalogue: CatalogueView, name: str, wanted: Sequence[str]) -> dict[str, Any]:
    """Fields of an item that a slate carries; those that it lacks are left out."""
    item = catalogue.described.get(name)
    found: dict[str, Any] = {}
    for field in wanted if item is not None else ():
        value = getattr(item, field)
        if isinstance(value, str):
            value = value[:MOST_CHARACTERS]
        elif isinstance(value, list):
            value = [tag[: MOST_CHARACTERS // MOST_TAGS] for tag in value[:MOST_TAGS]]
        if value is not None:
            found[field] = value
    return found
