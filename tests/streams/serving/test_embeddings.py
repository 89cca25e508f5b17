"""Vectors: which release is in force, and that a poisoned one never is."""

import numpy as np
import orjson
import pytest

from encoder.release.publish import store
from encoder.serving.stored_embeddings import Stored
from encoder.serving.wire import ItemEmbedding, Release, WireError, encode_record, encode_vector
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import Index
from streams.serving.embeddings import EmbeddingsView
from tests.encoder.making import static_artifact

ITEMS = ("a", "b")


class Record:
    """What a Kafka record shows."""

    def __init__(self, topic, key, value):
        self._record = topic, key, value

    def topic(self):
        return self._record[0]

    def key(self):
        return self._record[1]

    def value(self):
        return self._record[2]

    def partition(self):
        return 0

    def offset(self):
        return 0


@pytest.fixture
def said():
    return []


@pytest.fixture
def view(tmp_path, said):
    catalogue = CatalogueView(Index(), 10_000)
    for item in ITEMS:
        catalogue.put(item.encode(), orjson.dumps({"item_id": item}), 1.0)
    return EmbeddingsView(catalogue, "encoder-releases", tmp_path, said.append)


def embedding(item: str, version: str, vector) -> Record:
    value = encode_record(ItemEmbedding(item, version, encode_vector(np.array(vector, np.float32))))
    return Record("item-embeddings", item.encode(), value)


def release(version: str, dim: int = 2, items: int = 2, at_s: float = 1.0, **more) -> Record:
    value = encode_record(Release(version, dim, items, version, "0" * 64, at_s, {}, **more))
    return Record("encoder-releases", version.encode(), value)


def put(view: EmbeddingsView, item: str, **fields) -> None:
    view._catalogue.put(item.encode(), orjson.dumps({"item_id": item, **fields}), 2.0)


def good(view: EmbeddingsView) -> None:
    view.apply([embedding("a", "v1", [1, 0]), embedding("b", "v1", [0, 1]), release("v1")])
    assert view.encoder == "v1"


def test_release_is_in_force_once_every_embedding_is_in(view, said):
    view.apply([release("v1"), embedding("a", "v1", [1, 0])])
    assert view.encoder is None
    assert view.matrix() is None
    view.apply([embedding("b", "v1", [0, 1])])
    assert view.encoder == "v1"
    assert view.matrix().tolist() == [[1, 0], [0, 1]]
    assert said == ["waiting", "accepted"]


@pytest.mark.parametrize(
    "poison",
    [
        [embedding("a", "v2", [1, 0]), release("v2", at_s=2.0)],
        [
            embedding("a", "v2", [1, 0, 0]),
            embedding("b", "v2", [0, 1, 0]),
            release("v2", dim=2, at_s=2.0),
        ],
        [Record("encoder-releases", b"v2", b"{broken")],
        [
            Record(
                "item-embeddings", b"a", b'{"item_id":"a","version":"v2","vector":"AAAAAAAA+H8="}'
            ),
            release("v2", items=1, at_s=2.0),
        ],
        [release("v2", items=0, at_s=2.0)],
    ],
    ids=["items missing", "wrong dimension", "broken record", "NaN", "no items"],
)
def test_poisoned_release_leaves_the_one_before_in_force(view, poison):
    good(view)
    before = view.matrix().copy()
    view.apply(poison)
    assert view.encoder == "v1"
    assert np.array_equal(view.matrix(), before)


def test_release_whose_folder_is_broken_is_refused(view, tmp_path, said):
    good(view)
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / "manifest.json").write_text("{}")
    view.apply(
        [embedding("a", "v2", [0, 1]), embedding("b", "v2", [1, 0]), release("v2", at_s=2.0)]
    )
    assert view.encoder == "v1"
    assert said[-1] == "refused"


def test_vectors_filled_from_the_folder_are_known_by_their_texts(tmp_path, said):
    """Compaction took the record of `b` away: its vector, which another encoder may have made, is
    the folder's, and nobody takes the item for one without a vector.
    """
    stored = Stored(["a", "b"], np.eye(8, dtype=np.float32)[:2], ["hash-a", "hash-b"])
    folder = store(
        static_artifact(tmp_path / "model"), stored, tmp_path / "releases", {}, "teacher"
    )
    catalogue = CatalogueView(Index(), 10_000)
    for item in ITEMS:
        catalogue.put(item.encode(), orjson.dumps({"item_id": item}), 1.0)
    view = EmbeddingsView(catalogue, "encoder-releases", tmp_path / "releases", said.append)
    newer = ItemEmbedding("a", folder.version, encode_vector(np.eye(8)[5]), "hash-of-now")
    record = Release(
        folder.version, 8, 2, folder.version, folder.sha256, 1.0, {"cosine_to_catalogue": 0.9},
        catalogue="teacher",
    )  # fmt: skip
    view.apply(
        [
            Record("item-embeddings", b"a", encode_record(newer)),
            Record("encoder-releases", b"v", encode_record(record)),
        ]
    )
    assert view.encoder == folder.version
    assert view.matrix().tolist() == np.eye(8)[[5, 1]].tolist()
    assert view.hashes == {
        (folder.version, "a"): "hash-of-now",
        (folder.version, "b"): "hash-b",
    }


def test_item_that_was_withdrawn_and_comes_back_has_no_vector_yet(view):
    good(view)
    assert ("v1", "a") in view.hashes
    view.apply([Record("item-embeddings", b"a", None)])
    assert ("v1", "a") not in view.hashes


def test_withdrawn_item_loses_its_vector(view):
    good(view)
    view.apply([Record("item-embeddings", b"a", None)])
    assert view.matrix().tolist() == [[0, 0], [0, 1]]


def test_items_vectors_stand_in_while_there_is_no_release(tmp_path):
    catalogue = CatalogueView(Index(), 10_000)
    catalogue.put(b"a", orjson.dumps({"item_id": "a", "vector": [3, 4]}), 1.0)
    catalogue.put(b"b", orjson.dumps({"item_id": "b"}), 1.0)
    view = EmbeddingsView(catalogue, "encoder-releases", tmp_path, lambda _state: None)
    assert np.allclose(view.matrix(), [[0.6, 0.8], [0, 0]])
    catalogue.put(b"b", orjson.dumps({"item_id": "b", "vector": [1, 2, 3]}), 1.0)
    assert np.allclose(view.matrix()[0], 0)  # as many have 3 numbers: the longer ones are used


def test_items_vectors_stand_beside_the_releases(view):
    """Half of a cosine is the texts', half that of the vectors of 3 numbers; b brings none, and is
    as near to a as its text says and as others are in the mean.
    """
    good(view)
    put(view, "a", title="A", vector=[0, 3, 4])
    put(view, "b", title="B")
    found = view.matrix()
    assert found.shape == (2, 5)
    root = np.sqrt(0.5)
    assert np.allclose(found[0], [root, 0, 0, 0.6 * root, 0.8 * root])
    assert np.allclose(found[1], [0, root, 0, 0.6 * root, 0.8 * root])


def test_priors_learn_from_texts_alone_where_clicks_have_a_part_in_the_vectors(view):
    """Two numbers of the text, one of the clicks; a has an image besides."""
    view.apply([embedding("a", "v1", [0.6, 0, 0.8]), embedding("b", "v1", [0, 1, 0])])
    view.apply([release("v1", dim=3, text_dim=2)])
    vectors, learned_from = view.matrices()
    assert np.allclose(vectors, [[0.6, 0, 0.8], [0, 1, 0]])
    assert np.allclose(learned_from, [[1, 0], [0, 1]])
    put(view, "a", title="A", vector=[5, 0])
    put(view, "b", title="B")
    vectors, learned_from = view.matrices()
    assert vectors.shape == (2, 5)
    assert np.allclose(learned_from, np.array([[1, 0, 1, 0], [0, 1, 1, 0]]) / np.sqrt(2))


def test_a_release_of_more_numbers_for_texts_than_it_has_is_refused(view, said):
    good(view)
    view.apply([embedding("a", "v2", [1, 0]), embedding("b", "v2", [0, 1])])
    view.apply([release("v2", at_s=2.0, text_dim=3)])
    assert view.encoder == "v1"
    assert said[-1] == "refused"


def test_an_item_that_says_nothing_but_brings_a_vector_has_no_text(view):
    """Its text would be its id: c, whose title says something, has both."""
    good(view)
    put(view, "a", vector=[0, 1])
    put(view, "b", title="B", vector=[1, 0])
    root = np.sqrt(0.5)
    assert np.allclose(view.matrix(), [[0, root, 0, root], [0, root, root, 0]])
    put(view, "a", vector=None)
    assert np.allclose(view.matrix(), [[root, 0, root, 0], [0, root, root, 0]])


def test_a_new_item_with_a_vector_is_near_to_others_before_its_text_is_embedded(view):
    good(view)
    for item, vector in (("a", [1, 0]), ("b", [0, 1]), ("c", [1, 0])):
        put(view, item, title=item, vector=vector)
    rows = view.matrix()
    assert rows[2] @ rows[0] > rows[2] @ rows[1]


def test_broken_record_by_itself_raises_where_it_is_read(view):
    with pytest.raises(WireError):
        view.put_release(b"{broken")
