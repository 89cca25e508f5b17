"""Facets: what filters ask of items, as columns; and which items a filter lets through.

    category, brand   code of the item's, NO_CODE without one
    price             NaN without one
    tags              pairs (item, code), one per tag of an item

An item fits if it fits every part that the filter says. A list fits an item that has one of its
words, so an empty one fits none; `tags.none` fits an item that has none of them, and an item that
nobody described fits nothing else.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.contract.events import Filter, Item
from streams.serving.counts_view import Index

NO_CODE = -1
Mask = NDArray[np.bool_]
Codes = NDArray[np.int32]


class Facets(NamedTuple):
    """Of all items at one time: (n_items,) each, but for the pairs, (n_pairs,)."""

    words: Index  # codes of categories, brands and tags alike; grows at its end
    category: Codes
    brand: Codes
    price: NDArray[np.float64]
    tagged: NDArray[np.int32]  # items
    tag: Codes


class FacetColumns:
    """The columns while items come and change; one thread writes, and hands out copies."""

    def __init__(self) -> None:
        self._words = Index()
        self._category = np.full(256, NO_CODE, dtype=np.int32)
        self._brand = np.full(256, NO_CODE, dtype=np.int32)
        self._price = np.full(256, np.nan)
        self._tagged = np.full(256, NO_CODE, dtype=np.int32)  # NO_CODE: an item has changed
        self._tag = np.full(256, NO_CODE, dtype=np.int32)
        self._pairs = 0
        self._own: dict[int, tuple[int, int]] = {}  # item -> its pairs
        self._live = 0  # pairs that hold
        self._made: Facets | None = None

    def put(self, number: int, item: Item | None) -> None:
        """An item as it is now; None: withdrawn."""
        self._made = None
        self._category, self._brand, self._price = (
            _room(self._category, number + 1, NO_CODE),
            _room(self._brand, number + 1, NO_CODE),
            _room(self._price, number + 1, np.nan),
        )
        start, end = self._own.pop(number, (0, 0))
        self._tagged[start:end] = NO_CODE
        self._live -= end - start
        category, brand, price, tags = (
            (None, None, None, None)
            if item is None
            else (item.category, item.brand, item.price, item.tags)
        )
        self._category[number] = NO_CODE if category is None else self._words.number(category)
        self._brand[number] = NO_CODE if brand is None else self._words.number(brand)
        self._price[number] = np.nan if price is None else price
        if tags:
            self._add(number, sorted({self._words.number(tag) for tag in tags}))

    def _add(self, number: int, codes: Sequence[int]) -> None:
        if self._pairs > 1000 and self._pairs > 2 * self._live:
            self._compact()
        start, end = self._pairs, self._pairs + len(codes)
        self._tagged = _room(self._tagged, end, NO_CODE)
        self._tag = _room(self._tag, end, NO_CODE)
        self._tagged[start:end] = number
        self._tag[start:end] = codes
        self._own[number] = start, end
        self._pairs, self._live = end, self._live + len(codes)

    def _compact(self) -> None:
        """Leave out pairs of items that have changed: those of an item stay side by side."""
        keep = self._tagged[: self._pairs] != NO_CODE
        moved = np.concatenate([[0], np.cumsum(keep)])
        n = int(moved[-1])
        self._tagged[:n], self._tag[:n] = (
            self._tagged[: self._pairs][keep],
            self._tag[: self._pairs][keep],
        )
        self._tagged[n : self._pairs] = NO_CODE
        self._own = {
            number: (int(moved[start]), int(moved[end]))
            for number, (start, end) in self._own.items()
        }
        self._pairs = n

    def facets(self, n: int) -> Facets:
        """Copies for n items; the same while nothing has changed."""
        if self._made is None or self._made.category.size != n:
            keep = self._tagged[: self._pairs] != NO_CODE
            self._made = Facets(
                self._words,
                _room(self._category, n, NO_CODE)[:n].copy(),
                _room(self._brand, n, NO_CODE)[:n].copy(),
                _room(self._price, n, np.nan)[:n].copy(),
                self._tagged[: self._pairs][keep],
                self._tag[: self._pairs][keep],
            )
        return self._made


def parts(facets: Facets, wanted: Filter) -> dict[str, Mask]:
    """Items that fit, (n_items,), by the parts that the filter says."""
    fits: dict[str, Mask] = {}
    if wanted.category is not None:
        fits["category"] = np.isin(facets.category, _codes(facets, wanted.category))
    if wanted.brand is not None:
        fits["brand"] = np.isin(facets.brand, _codes(facets, wanted.brand))
    if wanted.tags is not None and wanted.tags.any is not None:
        fits["tags.any"] = _tagged(facets, wanted.tags.any)
    if wanted.tags is not None and wanted.tags.none is not None:
        fits["tags.none"] = ~_tagged(facets, wanted.tags.none)
    price = wanted.price
    if price is not None and (price.min is not None or price.max is not None):
        low = -np.inf if price.min is None else price.min
        high = np.inf if price.max is None else price.max
        fits["price"] = (facets.price >= low) & (facets.price <= high)  # NaN: False
    return fits


def fitting(facets: Facets, wanted: Filter) -> Mask:
    """Items that fit every part, (n_items,)."""
    mask = np.ones(facets.category.size, dtype=np.bool_)
    for fits in parts(facets, wanted).values():
        mask &= fits
    return mask


def _tagged(facets: Facets, words: Sequence[str]) -> Mask:
    mask = np.zeros(facets.category.size, dtype=np.bool_)
    mask[facets.tagged[np.isin(facets.tag, _codes(facets, words))]] = True
    return mask


def _codes(facets: Facets, words: Sequence[str]) -> list[int]:
    return [code for code in map(facets.words.get, words) if code is not None]


def _room(column: NDArray, n: int, blank: float) -> NDArray:  # type: ignore[type-arg]
    if n <= column.size:
        return column
    return np.pad(column, (0, max(n - column.size, column.size)), constant_values=blank)
