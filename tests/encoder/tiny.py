"""A teacher of a few hundred kilobytes and a catalogue in its words, for the tests of training and
compression.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from encoder.corpus.corpus import Corpus, Feedback, Split, build

NAMES = [
    first + last
    for first in ("ada", "bo", "cy", "di", "eve", "fay")
    for last in ("lin", "mor", "nor", "ros", "tam")
]
KINDS = ["drama", "comedy", "horror", "western", "romance"]
PIECES = [
    *"abcdefghijklmnopqrstuvwxyz0123456789",
    *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"),
    ",",
    ".",
    "(",
    ")",
]


def wordpiece() -> Tokenizer:
    """A WordPiece tokenizer that knows the words of the catalogue, single characters and some
    punctuation.
    """
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *PIECES, *KINDS, *NAMES, "unused"]
    tokenizer = Tokenizer(
        models.WordPiece({token: n for n, token in enumerate(tokens)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    return tokenizer


def save_teacher(folder: Path, layers: int = 3, seed: int = 0) -> Path:
    """A BERT of 3 layers, 4 heads and 32 dimensions with random weights, as Hugging
    Face writes it.
    """
    torch.manual_seed(seed)
    tokenizer = wordpiece()
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=66,
    )
    model = BertModel(config)
    with torch.no_grad():
        for weight in model.parameters():  # BERT starts so small that all texts look alike
            if weight.ndim > 1:
                weight.mul_(5)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    return folder


def with_modules(folder: Path, *kinds: str) -> Path:
    """`modules.json` as sentence-transformers has it, a folder for each module behind the first."""
    modules = [
        {
            "idx": number,
            "name": str(number),
            "path": f"{number}_{kind}" if number else "",
            "type": f"sentence_transformers.models.{kind}",
        }
        for number, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    for module in modules[1:]:
        (folder / module["path"]).mkdir()
    return folder


def with_dense(folder: Path, dim: int, activation: str = "Identity") -> torch.nn.Linear:
    """A teacher's folder with a linear map to `dim` numbers behind the mean."""
    with_modules(folder, "Transformer", "Pooling", "Dense", "Normalize")
    torch.manual_seed(1)
    linear = torch.nn.Linear(32, dim, bias=False)
    config = {
        "in_features": 32,
        "out_features": dim,
        "bias": False,
        "activation_function": f"torch.nn.modules.activation.{activation}",
    }
    (folder / "2_Dense" / "config.json").write_text(json.dumps(config))
    save_file({"linear.weight": linear.weight.detach()}, folder / "2_Dense" / "model.safetensors")
    return linear


def items(n: int = 120, seed: int = 1) -> list[dict[str, object]]:
    """Items of a title, a kind and some names."""
    rng = np.random.default_rng(seed)
    return [
        {
            "item_id": f"i{number:03}",
            "title": f"{rng.choice(NAMES)} {number}",
            "category": str(rng.choice(KINDS)),
            "tags": [str(name) for name in rng.choice(NAMES, 4, replace=False)],
        }
        for number in range(n)
    ]


def corpus(n: int = 120, seed: int = 1) -> Corpus:
    """Items, and 20 users who each chose a dozen one after the other, ten of them (if there are so
    many) of a kind they like.
    """
    rng = np.random.default_rng(seed)
    catalogue = items(n, seed)
    kinds = np.array([item["category"] for item in catalogue])

    def chosen(user: int) -> np.ndarray:
        liked = np.flatnonzero(kinds == KINDS[user % len(KINDS)])
        return np.concatenate(
            [rng.choice(liked, min(10, len(liked)), replace=False), rng.choice(n, 2, replace=False)]
        )

    feedback = [
        Feedback(
            f"u{user}",
            f"i{item:03}",
            "conversion" if item % 3 == 0 else "click",
            1000.0 * place + user,
        )
        for user in range(20)
        for place, item in enumerate(chosen(user))
    ]
    return build(catalogue, feedback, Split(0.2, 0.25))
