"""Records of embeddings and releases: bytes in, bytes out, and clear words about what cannot be
read.
"""

from __future__ import annotations

import base64
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.serving.wire import (
    ItemEmbedding,
    Release,
    Thresholds,
    WireError,
    decode_embedding,
    decode_release,
    decode_vector,
    encode_record,
    encode_vector,
)
from tests.encoder.making import release

FLOATS = st.lists(
    st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40
)


@given(FLOATS)
def test_vector_comes_back_to_the_last_bit(values: list[float]) -> None:
    vector = np.array(values, np.float32)
    assert decode_vector(encode_vector(vector)).tobytes() == vector.tobytes()


def test_vector_is_little_endian_float32() -> None:
    """1.0 is 00 00 80 3f and -2.0 is 00 00 00 c0 in little-endian IEEE 754."""
    assert base64.b64decode(encode_vector(np.array([1.0, -2.0], np.float32))) == bytes.fromhex(
        "0000803f000000c0"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no base64!", "expected base64"),
        ("", "found 0 bytes"),
        (base64.b64encode(b"abc").decode(), "found 3 bytes"),
        (base64.b64encode(struct.pack("<2f", 1.0, float("nan"))).decode(), "found 1 that are NaN"),
        (
            base64.b64encode(struct.pack("<2f", float("inf"), float("nan"))).decode(),
            "found 2 that are NaN",
        ),
    ],
)
def test_unsound_vector_is_named(text: str, said: str) -> None:
    with pytest.raises(WireError, match=said):
        decode_vector(text)


def test_wrong_dimension_is_named() -> None:
    with pytest.raises(WireError, match="expected dimension 3, found 2"):
        decode_vector(encode_vector(np.ones(2, np.float32)), 3)


def test_records_come_back_equal() -> None:
    embedding = ItemEmbedding("item", "v1", encode_vector(np.ones(2, np.float32)), "00ff")
    assert decode_embedding(encode_record(embedding)) == embedding
    record = release(
        baseline={"ndcg@10": 0.2}, gate=Thresholds({"a": 0.1}, {"b": 0.2}), previous="v0"
    )
    assert decode_release(encode_record(record)) == record


def test_record_of_an_older_writer_gets_the_defaults() -> None:
    value = (
        b'{"version":"v1","dim":8,"items":3,"artifact":"v1",'
        b'"sha256":"aa","created_s":1.5,"metrics":{},"new":1}'
    )
    assert decode_release(value) == Release("v1", 8, 3, "v1", "aa", 1.5, {})


@pytest.mark.parametrize(
    "value",
    [b"", b"\xff", b"[]", b'{"version":1}', b'{"item_id":"a","version":"v","vector":[1.0]}'],
)
def test_broken_record_is_a_wire_error(value: bytes) -> None:
    with pytest.raises(WireError, match="expected a JSON ItemEmbedding"):
        decode_embedding(value)
    with pytest.raises(WireError, match="expected a JSON Release"):
        decode_release(value)
