"""Segment fields: the names of segments read back as values of context fields.

    field=value,field=value        each field at most once, in any order, and no other
    code of a value                from 0, in the order in which values came; -1 where a segment
                                   says nothing: its name is its own, or the value has not come yet

A field that a segment leaves out while it has others is a value too (MISSING): that a visitor said
no age may say something.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
MISSING = ""
UNKNOWN = -1


class SegmentFields:
    """Values of fields by number; grows with the names that come.

    Parameters
    ----------
    fields
        Their names, in order.

    Examples
    --------
    >>> known = SegmentFields(("age", "sex"))
    >>> known.codes(["age=30,sex=F", "default", "sex=F", "age=40,sex=F"])
    array([[ 0,  0],
           [-1, -1],
           [ 1,  0],
           [ 2,  0]])
    >>> known.of("age=40,sex=M"), known.of("front page")
    ((2, -1), None)

    """

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = tuple(fields)
        self._numbers: tuple[dict[str, int], ...] = tuple({} for _ in self.fields)
        self._codes: Ints = np.zeros((16, len(self.fields)), dtype=np.int64)
        self._n_read, self._last = 0, ""

    def codes(self, names: Sequence[str]) -> Ints:
        """Codes (n_names, n_fields), a copy. Where the names are those of the last call and perhaps
        more behind them, only these are read.
        """
        if self._n_read > len(names) or (self._n_read and names[self._n_read - 1] != self._last):
            self._n_read = 0  # a list made anew
        while len(self._codes) < len(names):
            self._codes = np.concatenate([self._codes, np.zeros_like(self._codes)])
        for row in range(self._n_read, len(names)):
            values = self._values(names[row])
            self._codes[row] = UNKNOWN
            if values is not None:
                for f, (value, numbers) in enumerate(zip(values, self._numbers, strict=True)):
                    self._codes[row, f] = numbers.setdefault(value, len(numbers))
        self._n_read, self._last = len(names), names[-1] if names else ""
        return self._codes[: len(names)].copy()

    def of(self, name: str) -> tuple[int, ...] | None:
        """Codes of a segment by its name, which adds none; None where no fields make it."""
        values = self._values(name)
        if values is None:
            return None
        return tuple(
            numbers.get(value, UNKNOWN)
            for value, numbers in zip(values, self._numbers, strict=True)
        )

    def values(self, field: int) -> list[str]:
        """The values of a field, by code."""
        return list(self._numbers[field])

    def _values(self, name: str) -> list[str] | None:
        found = dict.fromkeys(self.fields, MISSING)
        parts = name.split(",")
        for part in parts:
            field, equals, value = part.partition("=")
            if not equals or found.get(field, value) != MISSING:
                return None
            found[field] = value
        return [found[field] for field in self.fields] if len(found) == len(self.fields) else None
