"""What goes into serving and comes out: the catalogue, a request, a slate; and what is refused at
the door.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.counts import SUMS, Counts, validate
from bandits.learning.user_effects import UserEffects
from bandits.learning.user_history import History
from bandits.slates.objectives import OBJECTIVES

Items = NDArray[np.int64]


class RequestError(ValueError):
    """A request that names items or weights that do not exist."""


class Catalogue(NamedTuple):
    """The items, in the order of the counts' columns.

    Attributes
    ----------
    available
        (n_items,) bool: may be shown at all.
    first_seen_s
        (n_items,) seconds since the epoch, NaN where unknown.
    group
        (n_items,) int32 category code, -1 for none.
    vectors
        (n_items, d) float32 unit rows, a zero row where there is none yet; or None. What relevance
        and diversity compare.
    prior_vectors
        (n_items, e) likewise, what priors and policies learn from; None: `vectors`. Others where
        clicks made a part of `vectors`: an item that nobody clicked yet is known by it for one
        that nobody clicks, and new items would start as the worst.

    """

    available: NDArray[np.bool_]
    first_seen_s: Floats
    group: NDArray[np.int32]
    vectors: NDArray[np.float32] | None
    prior_vectors: NDArray[np.float32] | None = None

    @property
    def learned_from(self) -> Floats | None:
        """What priors learn from."""
        own = self.vectors if self.prior_vectors is None else self.prior_vectors
        return cast("Floats | None", own)


class Pin(NamedTuple):
    """An item that is wanted at a place, counted from 0."""

    item: int
    position: int


class User(NamedTuple):
    """Who asks: a history of the catalogue's items, and what was learned that histories say."""

    history: History
    effects: UserEffects


class Request(NamedTuple):
    """One slate asked for.

    Attributes
    ----------
    k
        Places; at least 0.
    candidates
        Items to choose from, or None for all.
    exclude
        Items not to show.
    user_vector
        (d,) unit vector of the user's recent clicks, or None.
    objectives
        Weights by objective in place of the policy file's, or None.
    pins
        Items at places of their own (`bandits.slates.pins`), also such as are no candidates; no
        item and no place twice.
    user
        Who asks, or None (`bandits.slates.personal`).

    """

    k: int
    candidates: Items | None
    exclude: Items
    user_vector: NDArray[np.float32] | None = None
    objectives: Mapping[str, float] | None = None
    pins: tuple[Pin, ...] = ()
    user: User | None = None


class SlateResult(NamedTuple):
    """One slate, best first: arrays (m,) with m = min(k, eligible), and one dict per item."""

    items: Items
    scores: Floats
    propensities: Floats
    why: list[dict[str, float]]
    policy: str


def check_catalogue(counts: Counts, segment: int | None, catalogue: Catalogue) -> None:
    """Refuse a catalogue of other items than the counts', a segment that is not there, or
    impossible counts of it.

    Raises
    ------
    CountsError
        On NaN, negative counts, clicks above impressions in the segment's row.
    ValueError
        If counts and catalogue differ in items, or the segment does not exist.

    """
    n_segments, n_items = counts.impressions.shape
    sizes = (catalogue.available.size, catalogue.first_seen_s.size, catalogue.group.size)
    both = catalogue.vectors, catalogue.prior_vectors
    if any(size != n_items for size in sizes) or any(
        each is not None and len(each) != n_items for each in both
    ):
        message = (
            f"catalogue must have the {n_items} items of the counts, found {sizes}; pad the "
            "shorter one"
        )
        raise ValueError(message)
    if segment is None:
        return
    if not 0 <= segment < n_segments:
        message = (
            f"segment must be from 0 to {n_segments - 1}, found {segment}; None is a segment that "
            "nobody has seen"
        )
        raise ValueError(message)
    validate(
        counts._replace(recent=(), **{name: getattr(counts, name)[segment, None] for name in SUMS})
    )


def check_request(request: Request, n_items: int, dimensions: int | None) -> None:
    """Refuse a request that names what does not exist.

    Parameters
    ----------
    request
        As asked.
    n_items, dimensions
        Items there are, and the length of their vectors, None without vectors.

    Raises
    ------
    RequestError
        On an item that does not exist, an unknown objective, a user vector of another length, a
        negative k, or pins that are not apart or outside of the slate.

    """
    if request.k < 0:
        message = f"k must be at least 0, found {request.k}"
        raise RequestError(message)
    _check_items("candidates", request.candidates, n_items)
    _check_items("exclude", request.exclude, n_items)
    if request.user is not None:
        for name in ("clicked", "recent", "items"):
            _check_items(f"user.{name}", getattr(request.user.history, name), n_items)
    if request.pins:
        _check_pins(request, n_items)
    for name in request.objectives or ():
        if name not in OBJECTIVES:
            message = f"objectives must be among {', '.join(OBJECTIVES)}, found {name!r}"
            raise RequestError(message)
    user = request.user_vector
    if user is not None and dimensions is not None and user.shape != (dimensions,):
        message = (
            f"user_vector must have the {dimensions} dimensions of the items, found shape "
            f"{user.shape}"
        )
        raise RequestError(message)


def _check_pins(request: Request, n_items: int) -> None:
    pinned = np.array([pin.item for pin in request.pins], dtype=np.int64)
    places = {pin.position for pin in request.pins}
    if len(places) < len(request.pins) or np.unique(pinned).size < len(request.pins):
        message = f"pins must have an item and a place of their own each, found {request.pins}"
        raise RequestError(message)
    if not 0 <= min(places) <= max(places) < request.k:
        message = f"pins must be at places from 0 to {request.k - 1}, found {sorted(places)}"
        raise RequestError(message)
    _check_items("pins", pinned, n_items)


def _check_items(name: str, items: Items | None, n_items: int) -> None:
    if items is None or not items.size:
        return
    if np.maximum.reduce(items.view(np.uint64)) >= n_items:  # those below 0 are above all others
        found = f"{int(items.min())} to {int(items.max())}"
        message = f"{name} must be items from 0 to {n_items - 1}, found {found}"
        raise RequestError(message)
