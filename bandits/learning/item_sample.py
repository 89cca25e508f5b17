"""A sample of items that looks at nothing but their numbers.

    keep the `most` items with the smallest  i * G mod 2^64,   G = 2^64 / golden ratio, odd

Multiples of an irrational number fall evenly into [0, 1), so the sample is spread over the whole
catalogue and over every regular part of it (each third item, say), and is the same every time.
A sample by counts would hold the winners. Knuth (1998), The Art of Computer Programming, volume 3,
section 6.4 (multiplicative hashing).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def item_sample(items: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most `most` of the items, in their order.

    Examples
    --------
    >>> item_sample(np.arange(8), 3)
    array([0, 2, 5])

    """
    if items.size <= most:
        return items
    key = items.astype(np.uint64) * GOLDEN  # (n_items,) modulo 2^64
    return np.asarray(items[np.sort(np.argpartition(key, most)[:most])], dtype=np.intp)
