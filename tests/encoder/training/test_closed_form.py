"""The closed form on numbers that fit on paper, and the whole way from a teacher directory to
vectors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encoder.corpus.teacher import load_teacher, packaged_teacher
from encoder.serving.embed import Embedder
from encoder.serving.text import item_text
from encoder.training.closed_form import MAX_TOKENS, _features, distil, quick
from tests.encoder.making import tiny_teacher


def test_features_are_weights_of_places_summed_by_token() -> None:
    """Text 7 9 7 with weights 1, 0.5, 0.25 (and 0.25 for later places): 7 has 1.25, 9 has 0.5; text
    9 9 9 9 has 2 x 0.25 more.
    """
    seen, counts = _features([[7, 9, 7], [9, 9, 9, 9], []], np.array([1, 0.5, 0.25], np.float32))
    assert seen.tolist() == [7, 9]
    np.testing.assert_allclose(counts, [[1.25, 0.5], [0, 2.0], [0, 0]])


def additive(n: int, seed: int = 0) -> tuple[list[list[int]], np.ndarray, np.ndarray]:
    """Texts of a language whose meaning is the sum of its words: ids, input vectors, and unit
    vectors of the texts.
    """
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(60, 16)).astype(np.float32)
    ids = [rng.choice(60, 5, replace=False).tolist() for _ in range(n)]
    turn = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    meaning = np.stack([inputs[row].mean(axis=0) for row in ids]) @ turn
    return (
        ids,
        inputs,
        (meaning / np.linalg.norm(meaning, axis=1, keepdims=True)).astype(np.float32),
    )


def test_meaning_that_is_a_sum_of_words_is_found() -> None:
    ids, inputs, taught = additive(200)
    found = distil(ids, inputs, taught, 16)
    assert found.table.shape == (60, 16)
    assert found.cosine > 0.95
    # every place counts the same, and that was found
    assert found.positions[-1] == pytest.approx(found.positions[0], rel=1e-3)


def test_meaning_of_the_first_word_alone_is_found() -> None:
    rng = np.random.default_rng(1)
    ids, inputs, _ = additive(300)
    long = [[row[0], *rng.choice(60, 30).tolist()] for row in ids]
    first = inputs[[row[0] for row in long]]
    found = distil(long, inputs, first / np.linalg.norm(first, axis=1, keepdims=True), 16)
    assert found.positions[10] < 0.2 * found.positions[0]


def test_input_is_left_as_it_was_and_the_answer_is_the_same_again() -> None:
    ids, inputs, taught = additive(40)
    kept = inputs.copy(), taught.copy()
    one, two = distil(ids, inputs, taught, 8), distil(ids, inputs, taught, 8)
    np.testing.assert_array_equal(one.table, two.table)
    np.testing.assert_array_equal(inputs, kept[0])
    np.testing.assert_array_equal(taught, kept[1])


@pytest.mark.parametrize("n", [1, 3, 9])
def test_few_texts_still_make_a_table_of_the_dimension_asked_for(n: int) -> None:
    ids, inputs, taught = additive(n)
    found = distil(ids, inputs, taught, 12)
    assert found.table.shape == (60, 12)
    assert np.isfinite(found.table).all()


ITEMS = [
    {"item_id": f"{kind}-{colour}", "title": f"{colour} {kind}", "category": category}
    for category, kinds in {
        "clothing": ("shirt", "coat", "dress"),
        "kitchen": ("kettle", "pan", "mug"),
    }.items()
    for kind in kinds
    for colour in ("red", "blue", "green", "black")
]


def test_catalogue_is_embedded_as_the_teacher_sees_it(tmp_path: Path) -> None:
    try:
        teacher = packaged_teacher()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    artifact = quick(ITEMS, teacher, tmp_path / "quick", dim=16)
    assert (artifact.kind, artifact.dim, artifact.config.max_tokens) == ("static", 16, MAX_TOKENS)
    texts = [item_text(item) for item in ITEMS]
    ours, theirs = Embedder(artifact).embed(texts), load_teacher(teacher).embed(texts)
    near = np.argsort(-(ours @ ours.T - 2 * np.eye(len(texts))), axis=1)[:, :3]
    near_teacher = np.argsort(-(theirs @ theirs.T - 2 * np.eye(len(texts))), axis=1)[:, :3]
    kept = np.mean(
        [
            len(set(a) & set(b)) / 3
            for a, b in zip(near.tolist(), near_teacher.tolist(), strict=True)
        ]
    )
    assert kept > 0.6  # by chance 3 of 23
    unseen = Embedder(artifact).embed(["red trousers. clothing.", "frying pan. kitchen."]) @ ours.T
    assert ITEMS[int(unseen[1].argmax())]["category"] == "kitchen"


def test_same_catalogue_in_any_order_gives_the_same_encoder(tmp_path: Path) -> None:
    """The teacher reads a part only; which part must not hang on the order of the ids, which is
    often the order of time.
    """
    teacher = tiny_teacher(tmp_path / "teacher")
    one, two = (
        quick(items, teacher, tmp_path / "a", dim=8, tokens=60) for items in (ITEMS, ITEMS[::-1])
    )
    assert 0 < one.card.steps[0]["read"] < len(ITEMS)
    assert one.version == two.version


def test_catalogue_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected items with text"):
        quick([], tmp_path, tmp_path / "a")
