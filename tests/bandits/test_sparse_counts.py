"""Sparse counts against dense ones, and what a step copies."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bandits.sparse_counts import SparseCounts, added, nothing, scaled

BATCHES = st.lists(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(-3, 9)), min_size=0, max_size=12
    ),
    max_size=6,
)


def grown(counts: SparseCounts, rows: list[tuple[int, int, int]]) -> tuple[SparseCounts, list[int]]:
    segments, items, values = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    increments = np.stack([values, 2.0 * values], axis=1)
    return added(counts, segments, items, increments, (5, 10))


@given(BATCHES)
def test_sums_are_those_of_dense_arrays(batches: list[list[tuple[int, int, int]]]) -> None:
    counts, dense = nothing(2), np.zeros((2, 5, 10))
    for rows in batches:
        counts, changed = grown(counts, rows)
        for segment, item, value in rows:
            dense[:, segment, item] += [value, 2.0 * value]
        assert changed == sorted({segment for segment, _, _ in rows})
    if batches:
        np.testing.assert_array_equal(counts.dense(), dense)
        np.testing.assert_array_equal(counts.items, dense.sum(axis=1))
        np.testing.assert_array_equal(counts.row(3), dense[:, 3])
        np.testing.assert_array_equal(counts.column(7), dense[:, :, 7])
        for items, _sums in counts.segments:
            assert (np.diff(items) > 0).all()
    seen = len({(s, i) for rows in batches for s, i, _ in rows})
    assert np.count_nonzero(dense[0]) <= counts.n_cells <= seen
    assert not counts.row(None).any()


def test_a_step_copies_the_segments_that_grew_and_shares_the_others() -> None:
    before, _ = grown(nothing(2), [(0, 1, 5), (1, 2, 5), (2, 3, 5)])
    after, changed = grown(before, [(1, 2, 1), (1, 0, 1)])
    assert changed == [1]
    assert after.segments[0] is before.segments[0]
    assert after.segments[2] is before.segments[2]
    assert before.segments[1].sums.tolist() == [[5.0], [10.0]]
    assert after.segments[1].sums.tolist() == [[1.0, 6.0], [2.0, 12.0]]
    half = scaled(after, slice(1, None), 0.5)
    assert half.segments[1].sums.tolist() == [[1.0, 6.0], [1.0, 6.0]]
    assert after.items[1].sum() == 2 * half.items[1].sum()


def test_pairs_whose_counts_are_taken_off_again_are_gone() -> None:
    before, _ = grown(nothing(2), [(0, 1, 5), (0, 2, 7)])
    after, changed = grown(before, [(0, 1, -5)])
    assert (after.segments[0].items.tolist(), changed) == ([2], [0])
    assert after.items[0].tolist() == [0, 0, 7, 0, 0, 0, 0, 0, 0, 0]
