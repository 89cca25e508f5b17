"""The tokens of a word become one, and what is behind is fitted to it."""

from __future__ import annotations

import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn import functional

from encoder.artifact import Card
from encoder.compress.keep_layers import keep_layers
from encoder.compress.merge import begins, merge
from encoder.compress.project import unit_vectors
from encoder.compress.prune import prune
from encoder.compress.trim_vocabulary import trim_vocabulary
from encoder.student import Stream, load_model, save_model
from encoder.teacher import padded
from tests.encoder.tiny import corpus, wordpiece

TEXTS = ["adalin 1. drama.", "bomor, cynor. comedy.", "eve x 12."]


def read(model, texts):
    return padded([encoding.ids for encoding in model.tokenizer.encode_batch(list(texts))])


def test_a_word_is_the_mean_of_its_tokens_and_has_their_weight():
    x = torch.tensor([[[1.0], [3.0], [5.0], [9.0]], [[2.0], [4.0], [6.0], [0.0]]])
    words = Stream(x, torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0]]), torch.tensor([[0, 1, 1, 2], [0, 0, 0, 0]])).in_words()
    assert words.x[..., 0].tolist() == [[1.0, 4.0, 9.0], [4.0, 0.0, 0.0]]
    assert words.weight.tolist() == [[1.0, 2.0, 1.0], [3.0, 0.0, 0.0]]
    assert words.mean()[:, 0].tolist() == [4.5, 4.0]
    assert words.in_words() is words


def test_pieces_and_punctuation_belong_to_the_word_before_them(model):
    words = merge(model, (), 1)
    ids, mask = read(words, ["adalin, xy (eve)."])  # [CLS] adalin , x ##y ( e ##v ##e ) . [SEP]
    assert words.student.words(ids, mask).tolist() == [[0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 4]]


def test_padding_is_no_word(model):
    words = merge(model, (), 1)
    ids, mask = read(words, ["drama", "adalin bomor eve"])
    counted = words.student.words(ids, mask)
    assert counted[0].max() == 2
    assert counted[1].max() == 4


def test_a_text_begins_with_a_word_whatever_its_first_token_is(model):
    words = merge(model, (), 1)
    ids = torch.tensor([[model.tokenizer.token_to_id(token) for token in (",", "drama", ".")]])
    assert words.student.words(ids, torch.ones_like(ids)).tolist() == [[0, 1, 1]]


def test_tokenizers_that_mark_the_first_token_of_a_word_are_read():
    vocabulary = [("\u2581a", 0.0), ("b", 0.0), ("\u2581", 0.0), ("\u2581,", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, 1))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    assert begins(tokenizer, 4).tolist() == [True, False, False, False]


def test_layers_from_the_merge_on_read_words(model):
    words = merge(model, TEXTS, 1).student
    assert [layer.words for layer in words.shape.layers] == [False, True, True]
    ids, mask = read(model, ["adalin, xy (eve)."])
    assert words(ids, mask).states.shape == (1, 5, 32)


def test_a_word_is_read_as_often_as_it_has_tokens(model):
    """Two equal tokens as one word of weight 2 are seen as the two were."""
    layer = model.student.each_layer()[0]
    torch.manual_seed(0)
    x = torch.randn(1, 2, 32)
    twice = torch.cat([x, x[:, 1:]], 1)
    apart = layer(Stream(twice, torch.ones(1, 3))).x
    as_one = layer(Stream(x, torch.tensor([[1.0, 2.0]]))).x
    assert torch.allclose(apart[:, :2], as_one, atol=1e-5)


def test_what_texts_say_stays_near_and_fitting_brings_it_nearer(model):
    texts = corpus().texts
    said = unit_vectors(model, texts)
    bare, fitted = (functional.cosine_similarity(unit_vectors(merge(model, given, 0), texts), said).mean() for given in ((), texts))
    assert 0.9 < bare < fitted


def test_other_steps_keep_the_words(model):
    words = merge(model, TEXTS, 1)
    assert [layer.words for layer in prune(words, TEXTS, 2, 24).student.shape.layers] == [False, True, True]
    assert [layer.words for layer in keep_layers(words, TEXTS, [0, 2]).student.shape.layers] == [True, True]
    trimmed = trim_vocabulary(words, TEXTS, drop_punctuation=False)
    ids, mask = read(trimmed, TEXTS)
    assert trimmed.student.words(ids, mask).equal(words.student.words(*read(words, TEXTS)))


def test_an_earlier_merge_goes_before_a_later_one(model):
    again = merge(merge(model, (), 2), (), 0)
    assert [layer.words for layer in again.student.shape.layers] == [True, True, True]


def test_saved_and_loaded_it_reads_the_same_words(model, tmp_path):
    words = merge(model, (), 1)
    loaded = load_model(save_model(words, tmp_path / "a", Card()))
    assert loaded.student.begins.equal(begins(wordpiece(), wordpiece().get_vocab_size()))
    assert json.loads(loaded.tokenizer.to_str())["model"] == json.loads(words.tokenizer.to_str())["model"]


@pytest.mark.parametrize("before", [-1, 3])
def test_no_such_layer_is_refused(model, before):
    with pytest.raises(ValueError, match=f"from 0 to 2, found {before}"):
        merge(model, TEXTS, before)
