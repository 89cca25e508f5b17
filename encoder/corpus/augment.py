"""New texts made of old ones, so that a student meets more than the catalogue has.

    text = field. field. field.      field = part, part, part       (as
                                                                    `encoder.serving.text.item_text`
                                                                    writes it)

Most new texts are mixed of two: each part of a list, and each field that is no list, comes from one
of them, and the length and the order stay those of an item. As many parts are new as an item to
come will bring: the share of the parts of a place (titles, names) that stand in one text only says
how likely the next one is new (Good & Turing: for titles nearly all, for the names of a cast every
sixth, for languages none), and so often the front of a part goes on with the end of a part of any
text: the first name of one, the surname of another. The other new texts keep most fields of one,
take some from another, leave out and shuffle parts, and cross the last words of the parts.

In half of the new texts some words give way to strange ones, because items to come have names that
no item has yet: words of the teacher's vocabulary, with a piece behind them now and then, since
what a token means that no text here has can only be learned so; and the front of one word with the
end of another, which look like names. The teacher says what each text is worth, so nothing has to
be true, only likely. Only training texts are used, and so nothing of a held-out item leaks.

Good (1953), The Population Frequencies of Species and the Estimation of Population Parameters.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

# Shares, chosen so that about half of a new text stands as it was; they matter little (more makes
# the texts unlike items).
MIXED = 0.75  # of the new texts are as long as real ones
LARGEST_SHARE = 0.7  # of such a text that another lends; the share is drawn for each text
DROP_FIELD = 0.12
SWAP_FIELD = 0.18
FEWEST_PARTS = 0.3  # of a list of parts, kept
SHUFFLE = 0.5
CROSS_WORDS = 0.3
LIST = 3  # from so many parts on a field is a list
STRANGE_TEXTS, STRANGE_WORDS = 0.5, 0.15  # of the new texts, and of the words in these
CROSSED = 0.5  # of the strange words are made of two words of the texts
PIECE = 0.5  # of the others have a piece behind them


class Strange(NamedTuple):
    """Words, and pieces that a word can go on with; without words no text gets strange ones."""

    words: Sequence[str] = ()
    pieces: Sequence[str] = ()


class Place(NamedTuple):
    """The parts that texts have in their first, second, ... field, and how likely the next text
    brings a new one.
    """

    parts: Sequence[str]
    new: float


NOTHING = Strange()


def strange(tokenizer: Tokenizer) -> Strange:
    """What a WordPiece tokenizer has of its own; nothing for a tokenizer of another kind."""
    inner = json.loads(tokenizer.to_str())["model"]
    if inner["type"] != "WordPiece":
        return NOTHING
    prefix = inner["continuing_subword_prefix"]
    words = sorted(token for token in inner["vocab"] if token.isascii() and token.isalpha())
    pieces = sorted(token[len(prefix) :] for token in inner["vocab"] if token.startswith(prefix))
    return Strange(words, [piece for piece in pieces if piece.isascii() and piece.isalpha()])


def augment(
    texts: Sequence[str], n: int, rng: np.random.Generator, others: Strange = NOTHING
) -> list[str]:
    """Make `n` new texts of `texts`.

    Parameters
    ----------
    texts
        at least one, as written by `item_text`.
    n
        how many; each has a random text as its base.
    rng
        decides everything.
    others
        words that the texts need not have.

    Returns
    -------
    `n` texts of the same form, none of them empty.

    """
    fields = [text.removesuffix(".").split(". ") for text in texts]
    own = sorted(
        {
            word
            for text in texts
            for word in text.replace(",", "").replace(".", "").split()
            if word.isalpha()
        }
    )
    places = _places(fields)
    made = []
    for _ in range(n):
        base, other = fields[rng.integers(len(fields))], fields[rng.integers(len(fields))]
        text = _mixed(base, other, places, rng) if rng.random() < MIXED else _one(base, other, rng)
        made.append(
            _strange(text, others, own, rng)
            if others.words and rng.random() < STRANGE_TEXTS
            else text
        )
    return made


def _places(texts: Sequence[list[str]]) -> list[Place]:
    """What stands in each place of these texts, which are given as fields."""
    seen: list[Counter[str]] = [Counter() for _ in range(max(map(len, texts)))]
    for fields in texts:
        for counter, field in zip(seen, fields, strict=False):
            counter.update(set(field.split(", ")))
    return [
        Place(sorted(counter), sum(times == 1 for times in counter.values()) / counter.total())
        for counter in seen
    ]


def _mixed(
    base: list[str], other: list[str], places: Sequence[Place], rng: np.random.Generator
) -> str:
    """A text with some of its parts exchanged for those that the other has in the same place; a
    sorted list stays sorted.
    """
    share = rng.uniform(0, LARGEST_SHARE)
    fields = []
    for number, (place, field) in enumerate(zip(places, base, strict=False)):
        parts = field.split(", ")
        ordered = sorted(parts) == parts
        if number < len(other):
            lent = other[number].split(", ")
            if len(parts) < LIST:
                parts = lent if rng.random() < share else parts
            else:
                parts = [
                    lent[int(rng.integers(len(lent)))] if rng.random() < share else part
                    for part in parts
                ]
        parts = list(dict.fromkeys(_renewed(part, place, rng) for part in parts))
        fields.append(", ".join(sorted(parts) if ordered else parts))
    return ". ".join(fields) + "."


def _renewed(part: str, place: Place, rng: np.random.Generator) -> str:
    """The part, or one that nobody has: its first words and the last ones of another, both cut at
    the same share; a single word stays.
    """
    if rng.random() >= place.new:
        return part
    other = place.parts[int(rng.integers(len(place.parts)))]
    front, back, cut = part.split(), other.split(), rng.random()
    if len(front) < 2:
        return part
    return " ".join(
        front[: 1 + int(cut * (len(front) - 1))]
        + back[min(len(back) - 1, 1 + int(cut * (len(back) - 1))) :]
    )


def _one(base: list[str], other: list[str], rng: np.random.Generator) -> str:
    kept = []
    for place, field in enumerate(base):
        chance = rng.random()
        if chance < DROP_FIELD:
            continue
        swapped = chance < DROP_FIELD + SWAP_FIELD and place < len(other)
        kept.append(_parts(other[place] if swapped else field, rng))
    return ". ".join(kept or base) + "."


def _parts(field: str, rng: np.random.Generator) -> str:
    """A list of parts with some left out, perhaps in another order, perhaps with last words
    crossed.
    """
    parts = field.split(", ")
    if len(parts) < LIST:
        return field
    chosen = rng.random(len(parts)) < rng.uniform(FEWEST_PARTS, 1.0)
    parts = [part for part, take in zip(parts, chosen, strict=True) if take] or parts[:1]
    if rng.random() < SHUFFLE:
        rng.shuffle(parts)
    if rng.random() < CROSS_WORDS:
        split = [part.rsplit(" ", 1) for part in parts]
        last = [words[1] for words in split if len(words) > 1]
        rng.shuffle(last)
        crossed = iter(last)
        parts = [f"{words[0]} {next(crossed)}" if len(words) > 1 else words[0] for words in split]
    return ", ".join(parts)


def _strange(text: str, others: Strange, own: Sequence[str], rng: np.random.Generator) -> str:
    """The text with some words changed; what stands behind a word (a comma, a stop) stays."""
    words = text.split(" ")
    for place in np.flatnonzero(rng.random(len(words)) < STRANGE_WORDS):
        new = _crossed(own, rng) if own and rng.random() < CROSSED else _other(others, rng)
        words[place] = new + words[place][len(words[place].rstrip(".,")) :]
    return " ".join(words)


def _crossed(own: Sequence[str], rng: np.random.Generator) -> str:
    """The front half of one word and the back half of another."""
    front, back = own[int(rng.integers(len(own)))], own[int(rng.integers(len(own)))]
    return front[: (len(front) + 1) // 2] + back[len(back) // 2 :].lower()


def _other(others: Strange, rng: np.random.Generator) -> str:
    """A word of the vocabulary, perhaps with a piece behind it."""
    word = others.words[int(rng.integers(len(others.words)))]
    return (
        word + others.pieces[int(rng.integers(len(others.pieces)))]
        if others.pieces and rng.random() < PIECE
        else word
    )
