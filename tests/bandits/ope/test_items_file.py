import json

import numpy as np
import pytest

from bandits.ope.items_file import read_items
from bandits.ope.log import LoadedLog, LogError, Shape
from tests.bandits.ope.making import paper_log


def read(tmp_path, *items):
    path = tmp_path / "items.jsonl"
    # editors on Windows put a mark in front
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join(json.dumps(item) for item in items).encode())
    log = paper_log()
    return read_items(path, LoadedLog(log, ["a", "b", "c"], ["default"], Shape(1, 2, 3)), log)


def test_categories_vectors_and_availability_are_read_in_the_order_of_the_log(tmp_path):
    catalogue = read(
        tmp_path,
        {"item_id": "c", "category": "film", "vector": [3, 4]},
        {"item_id": "never logged", "category": "film", "vector": [1, 0]},
        {"item_id": "a", "category": "film", "available": False},
        {"item_id": "b", "category": "song"},
    )
    np.testing.assert_array_equal(catalogue.group, [0, 1, 0])
    np.testing.assert_array_equal(catalogue.available, [False, True, True])
    np.testing.assert_allclose(catalogue.vectors, [[0, 0], [0, 0], [0.6, 0.8]], rtol=1e-6)
    np.testing.assert_array_equal(catalogue.first_seen_s, [0.0, 1.0, 2.0])


def test_without_any_vector_there_are_none(tmp_path):
    assert read(tmp_path, {"item_id": "a"}).vectors is None


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"item_id": 3}], r"text in item_id at .*:1, found 3"),
        (
            [{"item_id": "a", "available": "yes"}],
            r"true or false in available at .*:1, found 'yes'",
        ),
        ([{"item_id": "a", "vector": [0, 0]}], r"not all 0 in vector at .*:1"),
        (
            [{"item_id": "a", "vector": ["x"]}],
            r"numbers that are not all 0 in vector at .*:1, found \['x'\]",
        ),
        (
            [{"item_id": "a", "vector": [1, 2]}, {"item_id": "b", "vector": [1, 2, 3]}],
            "vectors of one length in .*, found lengths 2, 3",
        ),
    ],
)
def test_bad_items_are_named(tmp_path, items, message):
    with pytest.raises(LogError, match=message):
        read(tmp_path, *items)
