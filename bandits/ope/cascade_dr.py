"""Cascade doubly robust for slates: RIPS with a model of the reward still to come as control
variate.

    V = 1/m sum_i sum_l  [ w_i,1:l (r_il - Q_l(a_i,1:l))  +  w_i,1:l-1 sum_a pi(a | x_i, a_i,1:l-1)
    Q_l(a_i,1:l-1, a) ]

Q_l is the modelled reward of position l and all below. Each Q that is near the truth takes its
position's variance out of the sum; a wrong Q costs variance and no bias. Same assumption as RIPS
(the reader goes from top to bottom).

Wrong tool when propensities are marginal: then `iips` is what can be had.
Kiyohara, Saito, Matsuhiro, Narita, Shimizu & Yamamoto (2022), Doubly Robust Off-Policy Evaluation
for Ranking Policies under the Cascade Behavior Model.
"""

import numpy as np

from bandits.ope.log import F64
from bandits.ope.rips import prefix
from bandits.ope.terms import Sample, Terms, needed, per_slate


def cascade_dr(sample: Sample) -> Terms:
    """Return the terms of cascade DR; V is reward per slate.

    Raises
    ------
    EstimatorError
        As for `rips`, or the sample was made without a reward model.
    """
    remedy = "fit a reward model on the training part"
    # (n,)
    q_logged = needed(sample.q_rest_logged, "modelled rewards of the rest of the slate", remedy)
    # (n,)
    q_target = needed(sample.q_rest_target, "modelled rewards of the rest of the slate", remedy)
    weight = prefix(sample)  # (n,)
    rows = weight * (sample.reward - q_logged) + above(sample, weight) * q_target  # (n,)
    numerator = per_slate(rows, sample.slate)  # (m, 1)
    return Terms(numerator, np.ones_like(numerator))


def above(sample: Sample, weight: F64) -> F64:
    """Return w_i,1:l-1 per row: the weight of the row above in the same slate, 1 at the
    top; (n,).
    """
    order = np.lexsort((sample.position, sample.slate))  # (n,)
    shifted = np.concatenate([[1.0], weight[order][:-1]])  # (n,)
    is_top = np.concatenate([[True], sample.slate[order][1:] != sample.slate[order][:-1]])  # (n,)
    result = np.empty_like(weight)
    result[order] = np.where(is_top, 1.0, shifted)
    return result
