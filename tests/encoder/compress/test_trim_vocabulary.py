"""Vocabulary trimming: what stays reads as before, what went is spelt, and every number in the
tokenizer still fits.
"""

from __future__ import annotations

import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from encoder.compress.project import unit_vectors
from encoder.compress.student import LayerShape, Model, Student, StudentShape
from encoder.compress.trim_vocabulary import trim_vocabulary
from encoder.corpus.teacher import padded

TEXTS = ["adalin bomor, drama.", "adalin (comedy).", "adalin 7"]


def test_known_words_read_as_before_without_punctuation(model):
    trimmed = trim_vocabulary(model, TEXTS)
    assert trimmed.tokenizer.encode("adalin, bomor (drama).").tokens == [
        "[CLS]",
        "adalin",
        "bomor",
        "drama",
        "[SEP]",
    ]


def test_vectors_of_texts_without_punctuation_stay(model):
    plain = ["adalin bomor drama", "adalin comedy"]
    assert torch.allclose(
        unit_vectors(trim_vocabulary(model, TEXTS), plain), unit_vectors(model, plain), atol=1e-6
    )


def test_a_word_that_went_is_spelt_and_never_unknown(model):
    trimmed = trim_vocabulary(model, TEXTS, minimum=2)
    assert trimmed.tokenizer.encode("adalin").tokens[1:-1] == ["adalin"]  # in three texts
    spelt = trimmed.tokenizer.encode("bomor").tokens[1:-1]
    assert spelt == ["b", "##o", "##m", "##o", "##r"]  # in one


def test_with_a_minimum_of_0_only_what_no_such_text_can_have_goes():
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[unused7]",
        "red",
        "##der",
        "deer",
        "mist",
        "鹿",
        "##é",
    ]
    tokenizer = Tokenizer(
        models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(words[:4])
    kept = trim_vocabulary(
        of(tokenizer), ["redder", "red [7]"], minimum=0, drop_punctuation=False
    ).tokenizer.get_vocab()
    assert set(kept) == {*words[:4], "red", "##der", "deer"}


def test_punctuation_stays_on_request(model):
    kept = trim_vocabulary(model, TEXTS, drop_punctuation=False)
    assert kept.tokenizer.encode("adalin, bomor.").tokens == [
        "[CLS]",
        "adalin",
        ",",
        "bomor",
        ".",
        "[SEP]",
    ]


def test_numbers_are_dense_and_fit_the_table(model):
    trimmed = trim_vocabulary(model, TEXTS)
    numbers = sorted(trimmed.tokenizer.get_vocab().values())
    assert numbers == list(range(trimmed.student.shape.vocabulary))
    assert trimmed.student.shape.vocabulary < model.student.shape.vocabulary
    trimmed.student(*padded([trimmed.tokenizer.encode("adalin x9").ids]))


def test_tokenizer_survives_being_written(model):
    tokenizer = trim_vocabulary(model, TEXTS).tokenizer
    again = Tokenizer.from_str(tokenizer.to_str())
    assert again.encode("adalin, bomor q").ids == tokenizer.encode("adalin, bomor q").ids


def of(tokenizer: Tokenizer) -> Model:
    shape = StudentShape(tokenizer.get_vocab_size(), 8, 8, 16, (LayerShape(1, 8, 8),))
    return Model(Student(shape).eval(), tokenizer, 16)


def test_unigram_vocabularies_are_trimmed_too():
    pieces = [
        ("<unk>", 0.0),
        ("<s>", 0.0),
        ("</s>", 0.0),
        ("▁red", -1.0),
        ("▁blue", -1.0),
        ("▁never", -1.0),
        ("▁", -3.0),
        ("r", -4.0),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    trimmed = trim_vocabulary(of(tokenizer), ["red blue", "blue"])
    vocabulary = trimmed.tokenizer.get_vocab()
    assert "▁never" not in vocabulary
    assert "<unk>" in vocabulary
    assert trimmed.tokenizer.encode("red, blue").tokens == ["<s>", "▁red", "▁blue", "</s>"]
    assert json.loads(trimmed.tokenizer.to_str())["model"]["unk_id"] == vocabulary["<unk>"]


def test_byte_pair_vocabularies_are_refused():
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    with pytest.raises(ValueError, match="BPE"):
        trim_vocabulary(of(tokenizer), ["ab"])


def test_no_texts_are_refused(model):
    with pytest.raises(ValueError, match="0 texts"):
        trim_vocabulary(model, [])


def test_a_byte_pair_tokenizer_stays_whole_with_a_minimum_of_0():
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    model = of(tokenizer)
    assert trim_vocabulary(model, ["ab"], minimum=0, drop_punctuation=False) is model


def test_scripts_of_thousands_of_characters_stay_whole_where_a_text_has_one():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "鹿", "虎", "か", "é", "red"]
    tokenizer = Tokenizer(
        models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(words[:4])
    kept = trim_vocabulary(
        of(tokenizer), ["red 鹿"], minimum=0, drop_punctuation=False
    ).tokenizer.get_vocab()
    assert set(kept) == {*words[:4], "鹿", "虎", "red"}
