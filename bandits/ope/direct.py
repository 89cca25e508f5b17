"""Direct method: model the reward of every item, and average the model under the new policy.

    V = 1/n sum_i  sum_a pi(a | x_i) q(x_i, a)

No weights, so little variance; as wrong as the model is, and nothing in the log says how wrong. Its
interval covers the sampling of contexts only, not the error of q: read it beside DR, never alone.

Wrong tool when the model was fitted on what the old policy liked to show.
Beygelzimer & Langford (2009), The Offset Tree for Learning with Partial Labels (as the baseline).
"""

import numpy as np

from bandits.ope.terms import Sample, Terms, needed, per_slate


def direct(sample: Sample) -> Terms:
    """Return the terms of the direct method; V is reward per row.

    Raises
    ------
    EstimatorError
        The sample was made without a reward model.
    """
    # (n,)
    q_target = needed(
        sample.q_target, "modelled rewards", "fit a reward model on the training part"
    )
    return Terms(per_slate(q_target, sample.slate), per_slate(np.ones_like(q_target), sample.slate))
