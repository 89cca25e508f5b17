"""SegmentSlates: slates for consumers that do not ask, one record a segment.

A consumer shows one of the draws, taken at random. Where there are variants it takes the draws of
its user's: the hash of `bandits.slates.variants` with `salt`, shares in the order of `variants`;
the draws on top are those of `base`, for the rest.
"""

from msgspec import Struct

from streams.contract.decoding import Decode
from streams.contract.events import SlateItem


class VariantSlates(Struct, frozen=True, gc=False):
    """Draws of one variant, and its share of the users."""

    share: float
    policy: str
    policy_version: str
    draws: list[list[SlateItem]]


class SegmentSlates(Struct, frozen=True, gc=False, omit_defaults=True):
    """Some slates of one segment. A propensity is the share of the variant's draws that have the
    item in that place.
    """

    segment: str
    policy: str
    policy_version: str
    encoder: str | None
    counts_ts: float
    draws: list[list[SlateItem]]
    ts: float
    variants: dict[str, VariantSlates] = {}
    salt: str = ""


decode_segment_slates = Decode(SegmentSlates)
