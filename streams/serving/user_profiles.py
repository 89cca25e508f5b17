"""UserProfiles: a user's vector, made from the items that the user clicked last, through the
embeddings in force.

    u = normalise( sum_j DECAY^j x_j )     j = 0 for the last click

Ids are kept, not vectors: a new release changes every vector and loses nothing. Any thread may ask;
one thread notes clicks.
"""

import itertools
from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streams.serving.counts_view import Index

CLICKS_KEPT = 10  # per user
USERS_KEPT = 100_000  # the user whose last click is oldest goes first
DECAY = 0.8


class Clicked(Protocol):
    """Who clicked what."""

    @property
    def user_id(self) -> str:
        """Who."""

    @property
    def item_id(self) -> str:
        """What."""


class UserProfiles:
    """Last clicked items by user."""

    def __init__(self, users_kept: int = USERS_KEPT) -> None:
        self._users_kept = users_kept
        # the user whose last click is oldest stands first
        self._clicked: dict[str, tuple[str, ...]] = {}

    def clicked(self, clicks: Iterable[Clicked]) -> None:
        """Note clicks."""
        clicked = self._clicked
        for click in clicks:
            user_id, last = click.user_id, (click.item_id,)
            before = clicked.pop(user_id, ())
            clicked[user_id] = before + last if len(before) < CLICKS_KEPT else before[1:] + last
        for user_id in list(itertools.islice(clicked, max(0, len(clicked) - self._users_kept))):
            del clicked[user_id]

    def knows(self, user_id: str) -> bool:
        """Whether the user has clicked anything."""
        return user_id in self._clicked

    def vector(
        self, user_id: str, matrix: NDArray[np.float32] | None, items: Index
    ) -> NDArray[np.float32] | None:
        """(d,) unit vector by the rows of `matrix` (n_items, d); None for a user without clicks, or
        without vectors.
        """
        clicked = self._clicked.get(user_id)
        if not clicked or matrix is None:
            return None
        total = np.zeros(matrix.shape[1], dtype=np.float32)
        for age, item_id in enumerate(reversed(clicked)):
            number = items.get(item_id)
            if number is not None and number < len(matrix):
                total += DECAY**age * matrix[number]
        norm = float(np.linalg.norm(total))
        return total / norm if norm > 0 else None
