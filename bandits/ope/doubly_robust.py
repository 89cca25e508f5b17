"""Doubly robust: the reward model's answer, mended by the weighted error that it makes on the
logged rows.

    V = 1/n sum_i  [ sum_a pi(a | x_i) q(x_i, a)  +  w_i (r_i - q(x_i, a_i)) ]

Unbiased when either the propensities or the model are right, and of less variance than IPS when the
model explains part of the reward. The model must not have seen the rows that are judged: fit it on
the training part. `doubly_robust_sn` divides the second sum by the weights seen instead of by n (as
SNIPS does), for heavy weights.

Wrong tool when both the propensities and the model are off.
Dudik, Langford & Li (2011), Doubly Robust Policy Evaluation and Learning.
"""

import numpy as np

from bandits.ope.log import F64
from bandits.ope.terms import Sample, Terms, needed, per_slate


def doubly_robust(sample: Sample, weight_cap: float = np.inf) -> Terms:
    """Return the terms of DR; V is reward per row. A smaller `weight_cap` leans on the model.

    Raises
    ------
    EstimatorError
        The sample was made without a reward model.
    """
    q_logged, q_target = _model(sample)
    weight = np.minimum(sample.weight, weight_cap)  # (n,)
    rows = q_target + weight * (sample.reward - q_logged)  # (n,)
    return Terms(per_slate(rows, sample.slate), per_slate(np.ones_like(rows), sample.slate))


def doubly_robust_sn(sample: Sample) -> Terms:
    """Return the terms of self-normalised DR: two ratios, the model's average and the weighted
    error.

    Raises
    ------
    EstimatorError
        The sample was made without a reward model.
    """
    q_logged, q_target = _model(sample)
    error = sample.weight * (sample.reward - q_logged)  # (n,)
    ones = np.ones_like(error)
    return Terms(
        np.hstack([per_slate(q_target, sample.slate), per_slate(error, sample.slate)]),  # (m, 2)
        # (m, 2)
        np.hstack([per_slate(ones, sample.slate), per_slate(sample.weight, sample.slate)]),
    )


def _model(sample: Sample) -> tuple[F64, F64]:
    remedy = "fit a reward model on the training part"
    return needed(sample.q_logged, "modelled rewards", remedy), needed(
        sample.q_target, "modelled rewards", remedy
    )
