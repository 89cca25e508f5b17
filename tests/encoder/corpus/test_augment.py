"""Made-up texts keep the form of real ones and use nothing else than their parts."""

from __future__ import annotations

import numpy as np
from tokenizers import Tokenizer, models

from encoder.corpus.augment import Strange, augment, strange
from tests.encoder.tiny import wordpiece

TEXTS = [
    "Blue (1990). Drama, Comedy, War. Ada Lin. Bo Mor, Cy Nor, Di Ros, Eve Tam.",
    "Red (1991). War. Fay Lin, Ada Mor, Bo Nor.",
]


def words(texts):
    return {word for text in texts for word in text.replace(",", " ").replace(".", " ").split()}


def test_words_come_from_the_texts():
    assert words(augment(TEXTS, 200, np.random.default_rng(0))) <= words(TEXTS)


def test_texts_differ_and_end_as_items_do():
    made = augment(TEXTS, 200, np.random.default_rng(0))
    assert len(set(made)) > 100
    assert all(text.endswith(".") and len(text) > 1 for text in made)


def test_some_texts_are_mixed_of_two_and_a_sorted_list_stays_sorted():
    one, other = (
        ["Ann Bee", "Cat Doe", "Eve Fox", "Gil Hay"],
        ["Art Boe", "Cox Dan", "Eli Fin", "Gus Hut"],
    )
    made = augment(
        2 * [f"One. {', '.join(one)}.", f"Two. {', '.join(other)}."], 400, np.random.default_rng(0)
    )
    casts = [text.removesuffix(".").split(". ")[-1].split(", ") for text in made]
    mixed = [cast for cast in casts if set(cast) & set(one) and set(cast) & set(other)]
    assert len(mixed) > 20
    assert all(cast == sorted(cast) and set(cast) <= {*one, *other} for cast in mixed)
    assert max(map(len, mixed)) == len(one)


def test_parts_are_as_new_as_the_next_text_will_bring_them():
    seldom, common = [f"Ann{n} Bee{n}" for n in range(20)], "United Kingdom"
    made = augment(
        [f"{name}. {common}, New Zealand." for name in seldom], 400, np.random.default_rng(0)
    )
    texts = [text.removesuffix(".").split(". ") for text in made]
    names, countries = zip(*(text for text in texts if len(text) == 2), strict=True)
    assert set(countries) == {f"{common}, New Zealand"}
    crossed = set(names) - set(seldom)
    assert len(crossed) > 50
    assert crossed <= {f"Ann{one} Bee{other}" for one in range(20) for other in range(20)}


def test_same_seed_makes_the_same():
    assert augment(TEXTS, 20, np.random.default_rng(3)) == augment(
        TEXTS, 20, np.random.default_rng(3)
    )


def test_texts_without_fields_stay_themselves():
    assert set(augment(["sku-7"], 20, np.random.default_rng(0))) == {"sku-7."}


def test_inputs_stay_as_they_are():
    before = list(TEXTS)
    augment(TEXTS, 50, np.random.default_rng(0))
    assert before == TEXTS


def test_strange_words_stand_in_some_texts_and_leave_the_form():
    others = Strange(["zork", "quib"], ["ly"])
    made = augment(TEXTS, 400, np.random.default_rng(0), others)
    new = words(made) - words(TEXTS)
    halves = {word for word in new if word[0].isupper()}
    assert new - halves == {"zork", "quib", "zorkly", "quibly"}
    own = sorted(word for word in words(TEXTS) if word.isalpha())
    assert halves
    assert halves <= {
        front[: (len(front) + 1) // 2] + back[len(back) // 2 :].lower()
        for front in own
        for back in own
    }
    assert 0.3 < np.mean([bool(new & words([text])) for text in made]) < 0.6
    assert all(text.endswith(".") for text in made)


def test_strange_words_are_those_of_the_vocabulary():
    others = strange(wordpiece())
    vocabulary = wordpiece().get_vocab()
    assert others.words
    assert set(others.words) <= set(vocabulary)
    assert {f"##{piece}" for piece in others.pieces} <= set(vocabulary)
    assert all(word.isalpha() for word in (*others.words, *others.pieces))


def test_a_tokenizer_of_another_kind_has_none():
    assert strange(Tokenizer(models.BPE({"a": 0}, []))) == Strange()
