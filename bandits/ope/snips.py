"""Self-normalised IPS: divide by the weights that were seen, not by those that were expected.

    V = sum_i w_i r_i / sum_i w_i,     w_i = pi(a_i | x_i) / p_i

Biased by O(1/n), but V stays within the range of the rewards, is unchanged when all rewards or all
propensities are scaled wrongly by a constant factor, and usually varies far less than IPS. The
default for choosing between policies.

Wrong tool when almost no row has weight: V is then an average over a handful of rows (the effective
sample size says so). Swaminathan & Joachims (2015), The Self-Normalized Estimator for
Counterfactual Learning.
"""

from bandits.ope.terms import Sample, Terms, per_slate


def snips(sample: Sample) -> Terms:
    """Return the terms of SNIPS; V is reward per row.

    Examples
    --------
    Weights (2, 0, 4), rewards (1, 1, 0): V = 2 / 6; IPS says 2 / 3.

    >>> import numpy as np
    >>> columns = [1.0, 1.0, 0.0], [0, 1, 2], [0, 0, 0], [2.0, 0.0, 4.0]
    >>> sample = Sample(*(np.array(column) for column in columns))
    >>> round(float(snips(sample).numerator.sum() / snips(sample).denominator.sum()), 4)
    0.3333
    """
    weighted = per_slate(sample.weight * sample.reward, sample.slate)  # (m, 1)
    return Terms(weighted, per_slate(sample.weight, sample.slate))
