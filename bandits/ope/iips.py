"""Independent IPS for slates: every position weighed by its own item, as if positions did not touch
each other.

    V = 1/m sum_i sum_l  w_il r_il,     w_il = pi(a_il at l | x_i) / p_il        m slates, l
    positions

Needs just the contract's propensities (probability of this item at this position). Unbiased when a
click on one position depends on its own item and place alone (the item-position click model);
`iips_sn` divides each position by the weights seen.

Wrong tool when what stands above changes whether an item is clicked: use `rips` or `cascade_dr`.
Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay & Wen (2018), Offline Evaluation of Ranking
Policies with Click Models.
"""

import numpy as np

from bandits.ope.log import F64
from bandits.ope.terms import Sample, Terms, per_slate, per_slate_and_position


def iips(sample: Sample) -> Terms:
    """Return the terms of IIPS; V is reward per slate.

    Examples
    --------
    One slate of two, weights (2, 1/2), clicks on both: V = 2 1/2.

    >>> sample = Sample(*(np.array(c) for c in ([1.0, 1.0], [0, 0], [0, 1], [2.0, 0.5])))
    >>> float(iips(sample).numerator.sum())
    2.5
    """
    numerator = per_slate(sample.weight * sample.reward, sample.slate)  # (m, 1)
    return Terms(numerator, np.ones_like(numerator))


def iips_sn(sample: Sample) -> Terms:
    """Return the terms of self-normalised IIPS: one ratio per position, V is reward per slate.

    A position that only a share of the slates has counts with that share.
    """
    return normalised_by_position(sample, sample.weight)


def normalised_by_position(sample: Sample, weight: F64) -> Terms:
    """Divide each position's weighted reward by the average weight of the rows at that position."""
    n_slates = int(sample.slate.max()) + 1
    share = np.bincount(sample.position) / n_slates  # (n_positions,) 1 when all slates are complete
    # (m, n_positions)
    numerator = per_slate_and_position(weight * sample.reward, sample.slate, sample.position)
    denominator = per_slate_and_position(weight, sample.slate, sample.position)  # (m, n_positions)
    shown = share > 0  # subtle: a position that no slate has would be 0 / 0
    return Terms((share * numerator)[:, shown], denominator[:, shown])
