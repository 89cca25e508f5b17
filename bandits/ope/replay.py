"""Replay: keep the rows where the new policy would have shown what was shown, and average their
rewards.

    V = sum_i r_i 1[d_i = a_i] / sum_i 1[d_i = a_i],     d_i ~ pi(. | x_i), the target's own draw

Unbiased for logs drawn uniformly at random, and easy to explain. It throws away all rows but about
one in n_items: showing a 10% lift at 34 items takes millions of rows.

Wrong tool when the logging policy was not uniform: the kept rows are then those that it liked (use
SNIPS); `sample_of` refuses. Li, Chu, Langford & Wang (2011), Unbiased Offline Evaluation of
Contextual-bandit-based News Article Recommendation Algorithms.
"""

from bandits.ope.terms import Sample, Terms, needed, per_slate


def replay(sample: Sample) -> Terms:
    """Return the terms of replay; V is reward per row.

    Raises
    ------
    EstimatorError
        The sample has no draws of the target: the logging policy was not uniform.

    Examples
    --------
    Draws agree with the log in rows 0 and 2, whose rewards are 1 and 0: V = 1/2.

    >>> import numpy as np
    >>> columns = ([1.0, 1.0, 0.0], [0, 1, 2], [0, 0, 0], [2.0, 0.0, 2.0], [1.0, 0.0, 1.0])
    >>> terms = replay(Sample(*(np.array(c) for c in columns)))
    >>> float(terms.numerator.sum() / terms.denominator.sum())
    0.5
    """
    matched = needed(
        sample.matched,
        "draws of the target",
        "replay needs a log drawn uniformly at random; use snips",
    )
    return Terms(per_slate(matched * sample.reward, sample.slate), per_slate(matched, sample.slate))
