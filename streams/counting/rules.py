"""Rules: what counting needs to know of the settings and the policy file."""

from collections.abc import Sequence
from typing import NamedTuple


class Rules(NamedTuple):
    """What settings and policy file say of counting.

    Attributes
    ----------
    attribution_window_s, conversion_window_s
        from an impression to its feedback.
    segment_fields
        of the context, that make a segment where none is named.
    examination
        weight of an impression by position; beyond the last, the last.
    half_life_s
        of discounted counts; None: there are none.
    max_ahead_s
        how far an event's time may be ahead of the clock.
    learn_places
        whether it is counted where slates of this project showed what.
    """

    attribution_window_s: float
    conversion_window_s: float
    segment_fields: tuple[str, ...] = ()
    examination: Sequence[float] = (1.0,)
    half_life_s: float | None = None
    max_ahead_s: float = 86_400.0
    learn_places: bool = False

    @property
    def plain(self) -> bool:
        """Whether each impression is worth 1, whenever and at whatever position it was."""
        return self.half_life_s is None and set(self.examination) == {1.0}
