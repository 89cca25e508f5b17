"""Vectors of any length in at most 256 numbers: the same for everybody, with cosines about as they
were.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.learning.projection import MOST, bring_down


def test_what_fits_is_left_as_it_is_but_for_its_length():
    """(3, 4) has length 5."""
    assert np.allclose(bring_down([3.0, 4.0]), [0.6, 0.8])
    rows = np.random.default_rng(0).normal(size=(5, MOST))
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.allclose(bring_down(rows), expected, atol=1e-6)


@pytest.mark.parametrize("length", [MOST + 1, MOST + 2, 384, 1536, 20_000])
def test_cosines_are_kept_up_to_one_over_the_root_of_the_numbers(length):
    """Two unit vectors at cosine c: the error's standard deviation is at most 1 / sqrt(256) =
    0.0625, and 0 at c = 1 (Gaussian projections have (1 - c^2) / sqrt(256)).
    """
    rng = np.random.default_rng(length)
    a, b = rng.normal(size=(2, 400, length))
    for share in (0.0, 0.5, 1.0):
        mixed = share * a + (1 - share) * b
        exact = (a * mixed).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(mixed, axis=1)
        found = (bring_down(a) * bring_down(mixed)).sum(axis=1)
        bound = (1 - exact.mean() ** 2) / np.sqrt(MOST)
        assert np.sqrt(np.mean((found - exact) ** 2)) <= 1.15 * bound + 1e-6


def test_one_vector_alone_is_what_it_is_among_others():
    rows = np.random.default_rng(1).normal(size=(4, 700))
    assert np.allclose(bring_down(rows)[2], bring_down(rows[2].tolist()))


def test_numbers_follow_from_the_length_alone():
    """Processes of different releases of NumPy must agree: the first numbers of the vector of ones
    of length 1,000 are written down here.
    """
    found = bring_down(np.ones(1000))
    assert found.shape == (MOST,)
    assert np.allclose(found[:3], EXPECTED, atol=1e-6)


EXPECTED = [-0.052435, -0.092182, 0.011100]


@given(
    st.lists(
        st.floats(allow_nan=False) | st.just(float("inf")) | st.just(1e308) | st.just(5e-324),
        max_size=2 * MOST,
    )
)
def test_whatever_the_numbers_the_row_has_length_1_or_0(numbers):
    row = bring_down(numbers)
    assert row.shape == (min(len(numbers), MOST),)
    size = float(np.linalg.norm(row))
    assert size == 0 or abs(size - 1) < 1e-5
    usable = [each for each in numbers if each != 0]
    if len(numbers) <= MOST:
        assert (size > 0) == (bool(usable) and all(np.isfinite(usable)))
