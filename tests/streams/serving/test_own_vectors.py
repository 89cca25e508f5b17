"""Vectors that items bring: any length, one matrix, in bounded memory."""

from __future__ import annotations

import logging

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.learning.projection import MOST, bring_down
from bandits.slates.config import SlateConfig
from encoder.serving.wire import ItemEmbedding, Release, encode_record, encode_vector
from streams.contract.events import Click
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import Index
from streams.serving.own_vectors import OwnVectors
from tests.streams.making import record
from tests.streams.serving.world import ITEMS, World, request, shown

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
    assert np.array_equal(found, expected)


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


def test_slates_are_made_with_the_vectors_of_texts_and_of_images_together(tmp_path):
    """Texts of 4 numbers by a release, three items with each; two images of 600 numbers, which
    every second item brings.
    """
    config = SlateConfig(objectives=(("relevance", 1.0),))
    world = World(tmp_path, config).fill()
    images = [numbers(600), numbers(600)]
    for number, item in enumerate(ITEMS):
        vector = images[number % 4 // 2] if number % 2 else None
        world.describe(item, title=item, vector=vector)
        text = encode_vector(np.eye(4, dtype=np.float32)[number // 3])
        value = encode_record(ItemEmbedding(item, "v1", text))
        world.log.records.append(record(value, item.encode(), "item-embeddings"))
    release = encode_record(Release("v1", 4, len(ITEMS), "v1", "0" * 64, 1.0, {}))
    world.log.records.append(record(release, b"v1", "encoder-releases"))
    world.turn(after_s=60.0)
    vectors = world.builder.state.world.catalogue.vectors
    assert vectors.shape == (12, 4 + MOST)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert world.builder.state.world.encoder == "v1"
    world.users.clicked(Click("s", "u", ITEMS[1], 1.0))
    assert shown(world.ask(request(segment="x", k=1))) == [ITEMS[1]]
    nearest = np.argsort(-(vectors @ vectors[1]))[1:5].tolist()
    assert set(nearest) == {0, 2, 5, 9}  # the same text, then the same image
