"""Inverse propensity scoring: weigh each logged reward by how much likelier the new policy makes
the logged choice.

    V = 1/n sum_i  w_i r_i,     w_i = pi(a_i | x_i) / p_i

Unbiased when the propensities are right and the logging policy can show whatever the target shows.
The variance grows with the weights: `weight_cap` cuts them at a maximum, which trades variance for
a bias towards zero.

Wrong tool when weights are large or the mean reward far from 0: SNIPS or DR have less variance.
What does not carry over to slates: each row counts as a decision of its own, so a policy that
changes what stands above an item is judged as if that did not matter; see `iips`, `rips` and
`cascade_dr`. Horvitz & Thompson (1952), A Generalization of Sampling Without Replacement from a
Finite Universe; Precup, Sutton & Singh (2000), Eligibility Traces for Off-Policy Policy Evaluation.
"""

import numpy as np

from bandits.ope.terms import Sample, Terms, per_slate


def ips(sample: Sample, weight_cap: float = np.inf) -> Terms:
    """Return the terms of IPS; V is reward per row.

    Examples
    --------
    Two rows, p = 1/2; the target shows the first item always and the second never: w = (2, 0), r =
    (1, 1), V = 1.

    >>> sample = Sample(*(np.array(c) for c in ([1.0, 1.0], [0, 1], [0, 0], [2.0, 0.0])))
    >>> float(ips(sample).numerator.sum() / ips(sample).denominator.sum())
    1.0
    """
    weight = np.minimum(sample.weight, weight_cap)  # (n,)
    return Terms(
        per_slate(weight * sample.reward, sample.slate),
        per_slate(np.ones_like(weight), sample.slate),
    )
