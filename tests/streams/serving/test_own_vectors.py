"""Vectors that items bring: any length, one matrix, in bounded memory."""

from __future__ import annotations

import logging

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.learning.projection import MOST, bring_down
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import Index
from streams.serving.own_vectors import LONGEST_KEPT, OwnVectors
from tests.streams.serving.world import World, request, shown

rng = np.random.default_rng(5)


def numbers(length: int) -> list[float]:
    return rng.normal(size=length).tolist()


def test_no_vectors_are_no_matrix_and_zeros_are_none():
    own = OwnVectors()
    own.put(3, [0.0, 0.0])
    own.put(4, None)
    own.put(5, [])
    assert own.matrix(9) is None


def test_rows_stand_at_their_columns_and_the_copy_does_not_change():
    own = OwnVectors()
    own.put(300, [0.0, 2.0])
    before = own.matrix(400)
    own.put(300, [2.0, 0.0])
    assert before is not None
    assert before.shape == (400, 2)
    assert before[300].tolist() == [0, 1]
    assert own.matrix(400)[300].tolist() == [1, 0]
    own.put(300, None)
    assert own.matrix(400) is None


def test_the_length_that_most_items_have_is_used_and_others_are_said_once(caplog):
    own = OwnVectors()
    for number, length in enumerate([2, 3, 3]):
        own.put(number, numbers(length))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            matrix = own.matrix(3)
    assert matrix.shape == (3, 3)
    assert matrix.any(axis=1).tolist() == [False, True, True]
    assert len(caplog.records) == 1
    assert "those of 3 numbers are used (2 items), 1 items" in caplog.text
    own.put(3, numbers(2))
    own.put(4, numbers(2))
    assert own.matrix(5).any(axis=1).tolist() == [True, False, False, True, True]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 2, 3, MOST + 5])), max_size=30),
    st.integers(0, 30),
)
def test_the_matrix_follows_from_the_last_record_of_each_item(puts, looked_after):
    """Whatever came before, and whenever it was looked at: the longer of two that as many have."""
    own, last = OwnVectors(), {}
    for at, (number, length) in enumerate(puts):
        vector = [float(at + 1 + each) for each in range(length)]
        own.put(number, vector)
        last[number] = vector
        if at == looked_after:
            own.matrix(6)
    lengths = [len(vector) for vector in last.values() if vector]
    found = own.matrix(6)
    if not lengths:
        assert found is None
        return
    used = max(set(lengths), key=lambda each: (lengths.count(each), each))
    expected = np.zeros((6, min(used, MOST)), dtype=np.float32)
    for number, vector in last.items():
        if len(vector) == used:
            expected[number] = bring_down(vector)
        if vector:
            whole = own.of_length(number, len(vector))
            assert np.allclose(whole, np.array(vector) / np.linalg.norm(vector), atol=1e-6)
    assert np.array_equal(found, expected)


def test_a_vector_longer_than_any_encoders_is_kept_in_few_numbers_only():
    own = OwnVectors()
    own.put(0, numbers(LONGEST_KEPT + 1))
    own.put(1, numbers(LONGEST_KEPT))
    assert own.of_length(0, LONGEST_KEPT + 1) is None
    assert own.of_length(1, LONGEST_KEPT).shape == (LONGEST_KEPT,)
    assert own.of_length(1, 384) is None
    assert own.of_length(None, 384) is None


def test_the_record_of_an_item_does_not_keep_its_numbers():
    """1,536 floats of Python take 49 KB."""
    view = CatalogueView(Index(), 100_000)
    view.put(b"a", orjson.dumps({"item_id": "a", "title": "A", "vector": numbers(1536)}), 1.0)
    assert view.described["a"].vector is None
    assert view.described["a"].title == "A"
    assert view.own_vectors.matrix(1).shape == (1, MOST)
    view.put(b"a", None, 2.0)
    assert view.own_vectors.matrix(1) is None


@pytest.mark.parametrize("length", [16, 1536, 3000])
def test_slates_are_made_with_vectors_of_any_length(tmp_path, length):
    world = World(tmp_path).fill()
    for number in range(12):
        world.describe(f"item-{number}", vector=numbers(length))
    world.turn(after_s=60.0)
    assert world.builder.state.world.catalogue.vectors.shape == (12, min(length, MOST))
    assert len(shown(world.ask(request(segment="x", k=5)))) == 5
