"""Off-policy evaluation: what a new policy would have earned, from the log of an old one.
`bandits.ope.evaluate` is the way in.

`ESTIMATORS` is the list of choices; one file per estimator, one line per entry.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from bandits.ope.balance import balance
from bandits.ope.cascade_dr import cascade_dr
from bandits.ope.direct import direct
from bandits.ope.doubly_robust import doubly_robust, doubly_robust_sn
from bandits.ope.iips import iips, iips_sn
from bandits.ope.ips import ips
from bandits.ope.replay import replay
from bandits.ope.rips import rips, rips_sn, sips
from bandits.ope.snips import snips
from bandits.ope.terms import Sample, Terms


class Estimator(NamedTuple):
    """An estimator and what the judge must know of it."""

    terms: Callable[[Sample], Terms]
    # what its effective sample size is counted in
    weighs: Literal["rows", "averages", "prefixes", "slates", "matches", "nothing"]
    per: Literal["row", "slate"]  # what its value is a mean over
    conditional: bool = False  # needs propensities given the items above
    # width of a contribution in ranges of the reward, of the largest weight
    reach: Callable[[float], float] | None = None


ESTIMATORS: dict[str, Estimator] = {
    "replay": Estimator(replay, "matches", "row"),
    "ips": Estimator(ips, "rows", "row", reach=lambda w: w),
    "snips": Estimator(snips, "rows", "row"),
    "balance": Estimator(balance, "averages", "row"),
    "dm": Estimator(direct, "nothing", "row", reach=lambda _: 1.0),
    "dr": Estimator(doubly_robust, "rows", "row", reach=lambda w: 1 + 2 * w),
    "sndr": Estimator(doubly_robust_sn, "rows", "row"),
    "iips": Estimator(iips, "rows", "slate", reach=lambda w: w),
    "sniips": Estimator(iips_sn, "rows", "slate"),
    "sips": Estimator(sips, "slates", "slate", conditional=True),
    "rips": Estimator(rips, "prefixes", "slate", conditional=True),
    "snrips": Estimator(rips_sn, "prefixes", "slate", conditional=True),
    "cascade_dr": Estimator(cascade_dr, "prefixes", "slate", conditional=True),
}
