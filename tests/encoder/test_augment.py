"""Made-up texts keep the form of real ones and use nothing else than their parts."""

from __future__ import annotations

import numpy as np

from encoder.augment import augment

TEXTS = ["Blue (1990). Drama, Comedy, War. Ada Lin. Bo Mor, Cy Nor, Di Ros, Eve Tam.", "Red (1991). War. Fay Lin, Ada Mor, Bo Nor."]


def words(texts):
    return {word for text in texts for word in text.replace(",", " ").replace(".", " ").split()}


def test_words_come_from_the_texts():
    assert words(augment(TEXTS, 200, np.random.default_rng(0))) <= words(TEXTS)


def test_texts_differ_and_end_as_items_do():
    made = augment(TEXTS, 200, np.random.default_rng(0))
    assert len(set(made)) > 100
    assert all(text.endswith(".") and len(text) > 1 for text in made)


def test_same_seed_makes_the_same():
    assert augment(TEXTS, 20, np.random.default_rng(3)) == augment(TEXTS, 20, np.random.default_rng(3))


def test_texts_without_fields_stay_themselves():
    assert set(augment(["sku-7"], 20, np.random.default_rng(0))) == {"sku-7."}


def test_inputs_stay_as_they_are():
    before = list(TEXTS)
    augment(TEXTS, 50, np.random.default_rng(0))
    assert before == TEXTS
