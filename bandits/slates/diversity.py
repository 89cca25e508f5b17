"""The registry of diversity methods, and what they have in common: a term that grows as items are
taken.

    next item = argmax_a score_a + term_a(items taken so far)

Greedy for both methods, so the first places never depend on how many follow.
"""

from __future__ import annotations

from collections.abc import Callable

from bandits.slates.diversifier import Diversifier
from bandits.slates.dpp import dpp
from bandits.slates.mmr import mmr

# A method takes the price of sameness, in units of the score.
DIVERSITY: dict[str, Callable[[float], Diversifier]] = {
    "mmr": mmr,
    "dpp": dpp,
}

__all__ = ["DIVERSITY", "Diversifier"]
