"""Catalogues in Chinese, German and Japanese: tokenised, embedded, and found again by texts that
are much like them and bring words which no item had.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from encoder.compress import compress
from encoder.compress.student import load_model, save_model
from encoder.compress.trim_vocabulary import trim_vocabulary
from encoder.corpus.teacher import load_teacher
from encoder.serving.artifact import Card
from encoder.serving.embed import Embedder
from encoder.training.closed_form import quick
from encoder.training.initialise import adopt

# per language: kinds, things, and what they are for; a text has one of each, and three purposes
WORDS = {
    "Chinese": (
        "红色的 蓝色的 冬天的 夏天的",
        "羊毛帽子 丝绸衬衫 皮革鞋子 棉布裤子 雨伞",
        "登山 游泳 旅行 工作 睡觉 跑步 骑车",
    ),
    "German": (
        "rote blaue warme kühle",
        "Wollmütze Seidenhemden Lederschuhe Baumwollhose Regenschirme",
        "Bergsteigen Schwimmen Reisen Arbeit Schlaf Laufen Radfahren",
    ),
    "Japanese": (
        "赤い 青い 冬の 夏の",
        "ウールの帽子 絹のシャツ 革の靴 綿のズボン 雨傘",
        "登山 水泳 旅行 仕事 睡眠 ランニング 自転車",
    ),
}


def catalogue(language: str) -> list[str]:
    """Twenty texts."""
    kinds, things, purposes = (words.split() for words in WORDS[language])
    between = " " if language == "German" else ""
    pairs = [(kind, thing) for kind in kinds for thing in things]
    return [
        between.join([kind, thing, *(purposes[(place * step) % 7] for step in (1, 2, 3))])
        for place, (kind, thing) in enumerate(pairs, start=1)
    ]


CATALOGUES = {language: catalogue(language) for language in WORDS}
# what new items bring, known to the teacher's tokenizer and to no item
NEW = {"Chinese": "绿", "German": "grüne", "Japanese": "緑"}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An XLM-RoBERTa of two layers and random weights, with pieces of all three languages."""
    folder = tmp_path_factory.mktemp("teacher")
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>"
    )
    texts = [*(text for texts in CATALOGUES.values() for text in texts), *NEW.values()]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    torch.manual_seed(0)
    model = XLMRobertaModel(
        XLMRobertaConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=66,
        )
    )
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(2)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("language", CATALOGUES)
@pytest.mark.parametrize("method", ["quick", "quantize"])
def test_texts_are_found_again(teacher: Path, tmp_path: Path, language: str, method: str) -> None:
    texts = CATALOGUES[language]
    if method == "quick":
        items = [{"item_id": text, "text": text} for text in texts]
        artifact = quick(items, teacher, tmp_path / "out", dim=32)
    else:
        whole = trim_vocabulary(adopt(load_teacher(teacher)), texts, 0, drop_punctuation=False)
        trained = save_model(whole, tmp_path / "whole", Card())
        artifact = compress(trained, ["quantize"], tmp_path / "out", texts)
        tokenizer = load_model(trained).tokenizer
        assert "<unk>" not in tokenizer.encode(NEW[language] + texts[0]).tokens
    embedder = Embedder(artifact)
    vectors = embedder.embed(texts)
    assert (np.argmax(vectors @ vectors.T, axis=1) == np.arange(len(texts))).all()
    like = embedder.embed([f"{text} {NEW[language]}" for text in texts])
    assert (
        np.argmax(like @ vectors.T, axis=1) == np.arange(len(texts))
    ).mean() >= 0.4  # by chance one in twenty
