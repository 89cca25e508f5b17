"""Wanted: what was asked for lately, which is what the builder prepares. Plain dicts, which threads
may share; the names are others' to invent, and their number is bounded.
"""

ASKED_S = 60.0  # what nobody asked for so long is prepared no more
MAX_SEGMENTS = 2000  # prepared, of all variants; those asked for last
# (segment, item) pairs prepared: a snapshot has some thirty arrays of n_items, so this is about 1
# GB
MAX_CELLS = 4_000_000
MAX_NAMED = 100_000  # items that only requests name, where nobody produces items

Pair = tuple[str, str]  # (variant, segment)


class Wanted:
    """Written by those who answer, read by the builder."""

    def __init__(self) -> None:
        self._asked: dict[Pair, float] = {}  # when last
        self._lengths: dict[int, float] = {}
        self._named: dict[str, None] = {}

    def segment(self, pair: Pair, length: int, now_s: float, known: bool) -> None:
        """A segment of a variant is asked for, and a length of slates. Segments that nobody knows
        find room while there is some.
        """
        if known or len(self._asked) < MAX_SEGMENTS:
            self._asked[pair] = now_s
        self._lengths[length] = now_s

    def item(self, name: str) -> None:
        """An item is named that nobody described."""
        if len(self._named) < MAX_NAMED:
            self._named[name] = None

    def take_items(self) -> list[str]:
        """Items named since the last call."""
        taken = []
        while self._named:
            name = next(iter(self._named))
            del self._named[name]
            taken.append(name)
        return taken

    def segments(self) -> list[Pair]:
        """Variants and segments that were asked for."""
        return list(self._asked)

    def lengths(self) -> list[int]:
        """Lengths that were asked for, 10 where none was."""
        return sorted(self._lengths) or [10]

    def let_go(self, n_items: int, now_s: float) -> list[Pair]:
        """Forget what was asked for long ago, or is too much; returns the rest, last ones first."""
        for pair, asked_s in list(self._asked.items()):
            if now_s - asked_s > ASKED_S:
                self._asked.pop(pair, None)
        for length, asked_s in list(self._lengths.items()):
            if now_s - asked_s > ASKED_S:
                self._lengths.pop(length, None)
        lately = sorted(self._asked.items(), key=lambda each: -each[1])
        most = max(1, min(MAX_SEGMENTS, MAX_CELLS // max(1, n_items)))
        for pair, _ in lately[most:]:
            self._asked.pop(pair, None)
        return [pair for pair, _ in lately[:most]]
