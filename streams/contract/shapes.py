"""Shapes: what a value looks like, without the value, for messages that anybody may read.

Anna-1984@x.org   Aa-9@a.a, 15 characters
"""

import itertools

MOST = 24  # characters of a shape
SHOWN_AS_THEY_ARE = "-_.:/@\"'{}[]=,"


def shape(text: str) -> str:
    """Kinds of characters in their order, repeated ones once, and how many there are: `A` a capital
    letter, `a` another one, `9` a digit, `?` anything else but a few marks.

    >>> shape("user-0042")
    'a-9, 9 characters'
    >>> shape("")
    'empty'
    """
    if not text:
        return "empty"
    kinds = "".join(kind for kind, _ in itertools.groupby(map(_kind, text)))
    more = "..." if len(kinds) > MOST else ""
    return f"{kinds[:MOST]}{more}, {len(text)} character{'s' if len(text) > 1 else ''}"


def _kind(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character if character in SHOWN_AS_THEY_ARE else "?"
