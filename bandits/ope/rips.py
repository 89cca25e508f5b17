"""Reward-interaction IPS for slates: every position weighed by its item and all items above it.

    V = 1/m sum_i sum_l  w_i,1:l r_il,     w_i,1:l = pi(a_i1, ..., a_il | x_i) / p(a_i1, ..., a_il |
                                           x_i)

Unbiased when a click depends on its own item and on what stands above (the reader goes from top to
bottom: the cascade assumption). Needs conditional propensities: the probability of each item given
those above it. `rips_sn` divides each position by the weights seen. `sips` weighs the whole slate
at once and assumes nothing.

Wrong tool when slates are long: the weights multiply. Use `cascade_dr`, or `iips` and its stronger
assumption. McInerney, Brost, Chandar, Mehrotra & Carterette (2020), Counterfactual Evaluation of
Slate Recommendations with Sequential Reward Interactions.
"""

import numpy as np

from bandits.ope.iips import normalised_by_position
from bandits.ope.log import F64
from bandits.ope.terms import Sample, Terms, needed, per_slate


def rips(sample: Sample) -> Terms:
    """Return the terms of RIPS; V is reward per slate.

    Raises
    ------
    EstimatorError
        The log's propensities are marginal, or the target does not choose slot by slot.

    Examples
    --------
    One slate of two, ratios (2, 1/2), so weights (2, 1), clicks on both: V = 3.

    >>> columns = ([1.0, 1.0], [0, 0], [0, 1], [2.0, 0.5])
    >>> sample = Sample(*(np.array(c) for c in columns), prefix_weight=np.array([2.0, 1.0]))
    >>> float(rips(sample).numerator.sum())
    3.0
    """
    numerator = per_slate(prefix(sample) * sample.reward, sample.slate)  # (m, 1)
    return Terms(numerator, np.ones_like(numerator))


def rips_sn(sample: Sample) -> Terms:
    """Return the terms of self-normalised RIPS: one ratio per position, V is reward per slate.

    Raises
    ------
    EstimatorError
        As for `rips`.
    """
    return normalised_by_position(sample, prefix(sample))


def sips(sample: Sample) -> Terms:
    """Return the terms of standard IPS for slates, V = 1/m sum_i w_i,1:L sum_l r_il; V is reward
    per slate.

    Raises
    ------
    EstimatorError
        As for `rips`.
    """
    weight = slate_weight(sample)  # (m,)
    numerator = weight[:, None] * per_slate(sample.reward, sample.slate)  # (m, 1)
    return Terms(numerator, np.ones_like(numerator))


def slate_weight(sample: Sample) -> F64:
    """Return the ratio of the probabilities of whole slates, w_i,1:L; (m,)."""
    # (m,) lowest position of each slate
    last = np.zeros(int(sample.slate.max()) + 1, dtype=np.int64)
    np.maximum.at(last, sample.slate, sample.position)
    is_last = sample.position == last[sample.slate]  # (n,)
    return np.bincount(sample.slate[is_last], weights=prefix(sample)[is_last]).astype(np.float64)


def prefix(sample: Sample) -> F64:
    """Return w_i,1:l per row, or say how to get it; (n,)."""
    return needed(
        sample.prefix_weight,
        "probabilities of items given those above",
        "log conditional propensities and judge a policy that chooses slot by slot, or use iips",
    )
