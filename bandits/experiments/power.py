"""Power: how many slates a difference needs to be found.

    n = ((z_{1 - alpha / 2} + z_power) / log(1 + lift))^2 cv^2 D (1 / share + 1 / share0)

slates seen, of both variants and all between them: cv^2 = var / mean^2 of clicks per slate, D the
design effect of users who come more than once, shares those of the users.
"""

from __future__ import annotations

from math import log
from statistics import NormalDist

_NORMAL = NormalDist()


def slates_needed(
    lift: float,
    cv2: float,
    *,
    design_effect: float = 1.0,
    share: float = 0.5,
    against: float = 0.5,
    power: float = 0.8,
    alpha: float = 0.05,
) -> float:
    """Slates seen, over all variants, until a lift is found with this power.

    Examples
    --------
    >>> round(slates_needed(0.05, 4.0))
    52755

    """
    z = _NORMAL.inv_cdf(1 - alpha / 2) + _NORMAL.inv_cdf(power)
    return (z / log(1 + lift)) ** 2 * cv2 * design_effect * (1 / share + 1 / against)
