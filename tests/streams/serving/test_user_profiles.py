"""UserProfiles: the last clicks of a user as a vector, through whatever embeddings are in force."""

from __future__ import annotations

import numpy as np
import pytest

from streams.contract.events import Click
from streams.serving.counts_view import Index
from streams.serving.user_profiles import CLICKS_KEPT, DECAY, UserProfiles


def clicks(user: str, *items: str) -> list[Click]:
    return [Click("s", user, item, 1.0) for item in items]


def index(*names: str) -> Index:
    made = Index()
    for name in names:
        made.number(name)
    return made


ITEMS = index("a", "b", "c")
MATRIX = np.eye(3, dtype=np.float32)


def test_the_last_click_weighs_most() -> None:
    """a, then b, then b: (0.64, 1 + 0.8, 0), made a unit vector."""
    users = UserProfiles()
    users.clicked(clicks("u", "a", "b", "b"))
    wanted = np.array([DECAY**2, 1 + DECAY, 0.0])
    assert users.vector("u", MATRIX, ITEMS) == pytest.approx(wanted / np.linalg.norm(wanted))


def test_nobody_and_nothing_have_no_taste() -> None:
    users = UserProfiles()
    users.clicked(clicks("u", "unknown item"))
    assert users.vector("somebody else", MATRIX, ITEMS) is None
    assert users.vector("u", MATRIX, ITEMS) is None
    assert users.vector("u", None, ITEMS) is None


def test_an_item_newer_than_the_matrix_is_left_out() -> None:
    users = UserProfiles()
    users.clicked(clicks("u", "a", "d"))
    assert users.vector("u", MATRIX, index("a", "b", "c", "d")) == pytest.approx([1.0, 0.0, 0.0])


def test_a_release_with_another_dimension_loses_nothing() -> None:
    users = UserProfiles()
    users.clicked(clicks("u", "b"))
    assert users.vector("u", np.ones((3, 4), dtype=np.float32) / 2, ITEMS) == pytest.approx(
        [0.5] * 4
    )


def test_old_clicks_and_the_users_that_clicked_longest_ago_go_first() -> None:
    users = UserProfiles(users_kept=2)
    users.clicked(clicks("u", "a", *["b"] * CLICKS_KEPT))
    assert users.vector("u", MATRIX, ITEMS) == pytest.approx([0.0, 1.0, 0.0])
    users.clicked([*clicks("v", "a"), *clicks("u", "b"), *clicks("w", "c")])
    assert [users.vector(user, MATRIX, ITEMS) is None for user in ("u", "v", "w")] == [
        False,
        True,
        False,
    ]
