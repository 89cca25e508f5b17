"""Features of a user's history, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.learning.user_features import FADES, SCALE, Space, features, profile, space_of
from bandits.learning.user_history import Histories, History

X = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [0, 0]], dtype=np.float32)  # their mean is 0
SPACE = Space(X, np.zeros(2, dtype=np.float32))
ITEMS = np.arange(5)


def history(*, clicked: tuple[int, ...] = (), seen: tuple[int, ...] = ()) -> History:
    histories = Histories()
    histories.seen("anna", seen, 0.0)
    for item in clicked:
        histories.clicked("anna", item)
    found = histories.of("anna", 0.0)
    assert found is not None
    return found


def test_relevance_is_the_cosine_to_the_clicks_of_which_the_last_weigh_most():
    """Clicked item 1, then item 0: the profile is (1, 0.8) / 1.28."""
    own = features(history(clicked=(1, 0)), SPACE, ITEMS, 1e9)[:, 0]
    np.testing.assert_allclose(own, np.array([1, 0.8, -1, -0.8, 0]) / np.hypot(1, 0.8), atol=1e-6)


def test_repeats_are_the_logarithm_of_one_more_than_the_times():
    own = features(history(seen=(3, 3, 3, 1)), None, ITEMS, 1e9)[:, 1]
    np.testing.assert_allclose(own, np.log([1, 2, 1, 4, 1]))


def test_topic_is_what_was_shown_lately_by_the_square_of_its_likeness():
    """Item 0, last but one, and item 1, last; an item at 45 degrees is half like both; what lies
    the other way is like neither.
    """
    between = np.array([[1, 1]], dtype=np.float32) / np.sqrt(2)
    space = Space(np.concatenate([X, between]).astype(np.float32), SPACE.mean)
    own = features(history(seen=(0, 1)), space, np.arange(6), 1e9)[:, 2]
    before = 2 ** (-1 / FADES)
    expected = np.array([before, 1, 0, 0, 0, (1 + before) / 2]) / SCALE
    np.testing.assert_allclose(own, expected, atol=1e-6)


def test_nothing_known_is_zero():
    nobody = history()
    assert not features(nobody, SPACE, ITEMS, 1e9).any()
    assert not features(history(clicked=(4,), seen=(4,)), SPACE, ITEMS[:4], 1e9).any()


def test_kept_rows_say_the_same():
    own = history(clicked=(1, 0), seen=(0, 2))
    rows = SPACE.of(ITEMS)
    np.testing.assert_array_equal(
        features(own, SPACE, ITEMS, 1e9), features(own, SPACE, ITEMS, 1e9, rows)
    )


def test_vectors_that_lean_one_way_are_centred():
    """Noise on a common direction: uncentred, the mean cosine is 0.9."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 16)).astype(np.float32)
    x += 12.0 * np.eye(16, dtype=np.float32)[0]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    assert (x @ x[0]).mean() > 0.85
    rows = space_of(x).of(np.arange(2000))
    assert abs(float((rows[1:] @ rows[0]).mean())) < 0.1
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_profile_of_nothing_is_none():
    assert profile(np.zeros((2, 3), dtype=np.float32)) is None
