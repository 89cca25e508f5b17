"""User features: what a user's history says about an item, in the space of the items' vectors.

    relevance   <p, x_a>,        p = unit(sum_j DECAY^j x_c(j))          c: the last clicks
    repeats     log(1 + n_a)                                             n: shown without a click
    topic       sum_j 2^(-j / FADES) max(<x_a, x_r(j)>, 0)^2 / SCALE     r: the last impressions

x are the vectors with their mean taken out, of length 1: vectors of texts lean one way, and without
that everything is relevant. All three are 0 where nothing is known, of the user or of the item.
`topic` and `repeats` are what may tire. What each is worth, if anything, is learned
(`bandits.learning.user_effects`).

The square keeps what is unlike an item out: a hundred impressions at a cosine of 0.1 are worth one.
Rocchio (1971), Relevance Feedback in Information Retrieval (the profile).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.user_history import History, Ints

FEATURES = ("relevance", "repeats", "topic")
DECAY = 0.8  # of the profile: half of it are the last three clicks
FADES = 50.0  # impressions after which a topic is half forgotten: five slates of ten
SCALE = 10.0  # impressions of the very topic: of the size of the other features
MEAN_OF = 512  # vectors that the mean is taken of: its error is a twentieth of their spread

Vectors = NDArray[np.float32]


class Space(NamedTuple):
    """Vectors of items, (n_items, d), zero rows where there are none, and their mean, (d,)."""

    vectors: Vectors
    mean: Vectors

    def of(self, items: Ints) -> Vectors:
        """Centred unit rows of some items, (n_some, d), zero rows of items without a vector."""
        rows = self.vectors[items]
        known = rows.any(axis=1)
        rows = rows - self.mean
        length = np.sqrt(np.einsum("ad,ad->a", rows, rows))
        scale = np.where(known & (length > 1e-6), 1 / np.maximum(length, 1e-6), 0.0)
        return np.asarray(rows * scale[:, None].astype(np.float32))


def space_of(vectors: Vectors) -> Space:
    """Where some rows, the same each time, say the mean."""
    rows = vectors[:: max(1, len(vectors) // MEAN_OF)]
    known = rows[rows.any(axis=1)]
    mean = known.mean(axis=0) if len(known) > 1 else np.zeros(vectors.shape[1], np.float32)
    return Space(vectors, np.asarray(mean, dtype=np.float32))


def profile(clicked: Vectors) -> Vectors | None:
    """Unit vector of clicked items (n_clicked, d), latest first, (d,); None without vectors."""
    total = (DECAY ** np.arange(len(clicked))).astype(np.float32) @ clicked
    length = float(np.linalg.norm(total))
    return np.asarray(total / np.float32(length)) if length > 1e-6 else None


def features(
    history: History,
    space: Space | None,
    items: Ints,
    window_s: float,
    rows: Vectors | None = None,
) -> Floats:
    """Features of some items for a user, (n_some, 3).

    Parameters
    ----------
    history
        Of the user, of items that the space knows.
    space
        None: there are no vectors, and repeats are all there is.
    items
        (n_some,) int64.
    window_s
        What was shown last longer ago was not shown, in seconds.
    rows
        What `space.of(items)` returned, where that is at hand.

    """
    out = np.zeros((items.size, len(FEATURES)))
    times = history.repeats(window_s)
    if times.any():
        order = np.argsort(history.items)
        shown = history.items[order]
        at = np.minimum(np.searchsorted(shown, items), shown.size - 1)
        out[:, 1] = np.log1p(np.where(shown[at] == items, times[order][at], 0.0))
    if space is None or not (history.clicked.size or history.recent.size):
        return out
    n_clicked, n_recent = history.clicked.size, history.recent.size
    named = [history.clicked, history.recent] + ([items] if rows is None else [])
    known = space.of(np.concatenate(named))  # one look at the vectors for all
    clicked, recent = known[:n_clicked], known[n_clicked : n_clicked + n_recent]
    own = known[n_clicked + n_recent :] if rows is None else rows
    p = profile(clicked) if n_clicked else None  # (d,)
    if p is not None:
        out[:, 0] = own @ p
    if n_recent:
        weight = (2 ** (-np.arange(n_recent) / FADES) / SCALE).astype(np.float32)
        alike = np.maximum(recent @ own.T, 0)  # (n_recent, n_some)
        out[:, 2] = weight @ np.square(alike, out=alike)
    return out
