"""Tokens side by side become one, and what is behind is fitted to it."""

from __future__ import annotations

import pytest
import torch

from encoder.compress.factorize import factorize
from encoder.compress.merge import merge
from encoder.compress.project import unit_vectors
from encoder.compress.prune import prune
from encoder.compress.student import Stream
from tests.encoder.tiny import corpus

TEXTS = ["adalin 1. drama.", "bomor, cynor. comedy.", "eve x 12."]


def test_means_are_of_real_tokens_and_heavy_ones_count_more():
    x = torch.tensor([[[1.0], [3.0], [5.0], [9.0], [7.0]]])
    stream = Stream(x, torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0]]))
    merged = stream.merged(2)
    assert merged.x[0, :, 0].tolist() == [2.0, 5.0, 0.0]
    assert merged.weight.tolist() == [[2.0, 1.0, 0.0]]
    again = merged.merged(2)
    assert again.x[0, :, 0].tolist() == [3.0, 0.0]
    assert again.weight.tolist() == [[3.0, 0.0]]
    assert stream.mean().item() == merged.mean().item() == again.mean().item() == 3.0


def test_layers_behind_the_merge_read_fewer_tokens(model):
    ids = torch.zeros(2, 7, dtype=torch.long)
    merged = merge(model, TEXTS, 1).student
    assert merged(ids, torch.ones_like(ids)).states.shape == (2, 4, 32)
    assert [layer.span for layer in merged.shape.layers] == [1, 2, 1]


def test_merged_again_the_spans_multiply(model):
    again = merge(merge(model, (), 1), (), 1, 3)
    assert [layer.span for layer in again.student.shape.layers] == [1, 6, 1]


def test_what_texts_say_stays_near(model):
    texts = corpus().texts
    assert (unit_vectors(merge(model, (), 1), texts) * unit_vectors(model, texts)).sum(
        1
    ).mean() > 0.95


def test_pruning_keeps_the_merge(model):
    pruned = prune(merge(model, TEXTS, 1), TEXTS, 2, 24)
    assert [layer.span for layer in pruned.student.shape.layers] == [1, 2, 1]


def test_in_front_of_all_layers_tokens_are_joined_by_maps_that_start_as_a_mean(model):
    ids, mask = torch.tensor([[3, 9, 4, 7, 5]]), torch.ones(1, 5, dtype=torch.long)
    joined = merge(factorize(model, TEXTS, 8), TEXTS, 0).student
    stream = joined.embed(ids, mask)
    assert stream.weight.tolist() == [[2.0, 2.0, 1.0]]
    assert joined(ids, mask).states.shape == (1, 3, 32)
    turned = joined.embed(torch.tensor([[9, 3, 7, 4, 5]]), mask)
    assert torch.allclose(turned.x, stream.x, atol=1e-6)
    joined.widen.weight.data[:, :8] *= 2  # as training would: the first of two counts for more
    assert not torch.allclose(
        joined.embed(torch.tensor([[9, 3, 7, 4, 5]]), mask).x[:, :2],
        joined.embed(ids, mask).x[:, :2],
        atol=0.1,
    )


def test_joined_again_is_joined_at_once(model):
    twice, once = merge(merge(model, (), 0), (), 0), merge(model, (), 0, 4)
    assert twice.student.shape == once.student.shape
    texts = corpus().texts
    assert torch.allclose(unit_vectors(twice, texts), unit_vectors(once, texts), atol=1e-5)


def test_joined_texts_stay_near_and_their_company_changes_nothing(model):
    texts, joined = corpus().texts, merge(model, (), 0)
    together = unit_vectors(joined, texts)
    assert (together * unit_vectors(model, texts)).sum(1).mean() > 0.9
    alone = torch.cat([unit_vectors(joined, [text]) for text in texts])
    assert torch.allclose(together, alone, atol=1e-5)


def test_vectors_are_narrowed_before_they_are_joined(model):
    with pytest.raises(ValueError, match="found 2 joined; factorize before merge"):
        factorize(merge(model, TEXTS, 0), TEXTS, 8)


@pytest.mark.parametrize(("before", "span"), [(-1, 2), (3, 2), (1, 1)])
def test_no_such_layer_or_span_is_refused(model, before, span):
    with pytest.raises(ValueError, match=f"found {before} and {span}"):
        merge(model, TEXTS, before, span)
