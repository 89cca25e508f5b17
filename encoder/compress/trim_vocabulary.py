"""Vocabulary trimming: only the tokens that the catalogue uses, and no punctuation.

    V' = special tokens + single characters + {v : texts with v >= minimum}

A word that loses its token is split into smaller ones that stayed, down to single characters, and
so nothing becomes unreadable. With a minimum of 0 only those go that no text in these letters can
have: of other scripts, and placeholders. That is for catalogues whose new items bring new names.
Punctuation is taken away before the text is split: in a list of names every fifth token is a comma,
which costs as much time as a word and says little. Works on WordPiece and Unigram tokenizers, whose
tokens stand for themselves; a byte-pair tokenizer cannot lose a token without losing all that is
merged from it.

Abdaoui, Pradel & Sigel (2020), Load What You Need: Smaller Versions of Multilingual BERT.
"""

import functools
import json
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import torch
from tokenizers import Tokenizer

from encoder.compress.student import Model, Student

# kept alone and as continuation: any lower-case word can be spelt
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
PLACEHOLDERS = ("[unused", "<unused", "<extra_id")  # of tokenizers that left room for more
# first words of their characters' names in Unicode: new items bring characters that no item had
LARGE_SCRIPTS = {"CJK", "HANGUL", "HIRAGANA", "KATAKANA"}
TRIMMED = ("WordPiece", "Unigram")


def trim_vocabulary(
    model: Model, texts: Sequence[str], minimum: int = 1, drop_punctuation: bool = True
) -> Model:
    """Keep the tokens that at least `minimum` texts have.

    Parameters
    ----------
    model
        stays as it is.
    texts
        of the catalogue; held-out ones should not be among them.
    minimum
        larger keeps fewer tokens and splits more rare words; 0 keeps every token made of characters
        that the texts have (or could have: scripts of thousands of characters stay whole where a
        text has one of them), and a tokenizer of another kind as it is.
    drop_punctuation
        whether the tokenizer reads punctuation as a blank.

    Raises
    ------
    ValueError
        no texts, or a tokenizer of another kind.

    """
    described = json.loads(model.tokenizer.to_str())
    kind = described["model"]["type"]
    if kind not in TRIMMED and minimum == 0 and not drop_punctuation and texts:
        return model
    if kind not in TRIMMED or not texts:
        msg = (
            f"expected texts and a tokenizer of kind {' or '.join(TRIMMED)}, found {len(texts)} "
            f"texts and {kind}; leave trim_vocabulary out"
        )
        raise ValueError(msg)
    if drop_punctuation:
        _drop_punctuation(described)
    counts: Counter[int] = Counter()
    for encoding in Tokenizer.from_str(json.dumps(described)).encode_batch(list(texts)):
        counts.update(set(encoding.ids))
    vocabulary = model.tokenizer.get_vocab()
    prefix = described["model"].get("continuing_subword_prefix") or ""
    always = {token["content"] for token in described["added_tokens"]}
    always |= {start + character for character in CHARACTERS for start in ("", prefix)}
    always |= {str(described["model"].get("unk_token"))}
    letters = {
        character
        for token, number in vocabulary.items()
        if counts[number] and token not in always
        for character in token
    }
    scripts = {_script(character) for character in letters} & LARGE_SCRIPTS
    common = {
        number
        for token, number in vocabulary.items()
        if token in always or number == _unknown(described)
    }
    common.add(0)  # fills up joined tokens (`encoder.compress.student`)
    if minimum == 0:
        made = {
            number
            for token, number in vocabulary.items()
            if all(c in letters or _script(c) in scripts for c in token)
            and not token.startswith(PLACEHOLDERS)
        }
    else:
        made = {number for number, texts_with in counts.items() if texts_with >= minimum}
    kept = sorted(common | made)
    new = {old: place for place, old in enumerate(kept)}
    _renumber(described, new)
    tokenizer = Tokenizer.from_str(json.dumps(described))
    student = Student(msgspec.structs.replace(model.student.shape, vocabulary=len(kept)))
    rows = model.student.tokens.weight[torch.tensor(kept)]  # (kept, width)
    student.load_state_dict(model.student.state_dict() | {"tokens.weight": rows})
    return model._replace(student=student.eval(), tokenizer=tokenizer)


@functools.cache
def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _drop_punctuation(described: dict[str, Any]) -> None:
    """Put a normalizer in front that makes punctuation and symbols blanks."""
    # one blank: Unigram would read two
    blank = {"type": "Replace", "pattern": {"Regex": r"[\p{P}\p{S}\s]+"}, "content": " "}
    ends = {"type": "Strip", "strip_left": True, "strip_right": True}
    before = described.get("normalizer")
    described["normalizer"] = {
        "type": "Sequence",
        "normalizers": [blank, ends, *([before] if before else [])],
    }


def _unknown(described: dict[str, Any]) -> int | None:
    """Number of the unknown token where the tokenizer names it by number (Unigram)."""
    return described["model"].get("unk_id")


def _renumber(described: dict[str, Any], new: dict[int, int]) -> None:
    """Give the tokens that stay their new numbers, everywhere a number stands."""
    inner = described["model"]
    if inner["type"] == "WordPiece":
        inner["vocab"] = {token: new[old] for token, old in inner["vocab"].items() if old in new}
    else:
        inner["vocab"] = [entry for old, entry in enumerate(inner["vocab"]) if old in new]
        inner["unk_id"] = None if inner["unk_id"] is None else new[inner["unk_id"]]
    for token in described["added_tokens"]:
        token["id"] = new[token["id"]]
    after = described.get("post_processor") or {}
    for token in after.get("special_tokens", {}).values():  # TemplateProcessing
        token["ids"] = [new[old] for old in token["ids"]]
    for end in ("cls", "sep"):  # BertProcessing
        if end in after:
            after[end][1] = new[after[end][1]]
