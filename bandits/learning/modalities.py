"""Two vectors of an item side by side: what its text says, and what it brings itself (an image's).

    x_i = [ t_i , o_i ] / |[ t_i , o_i ]|        t, o: unit vectors, their lengths may differ
    t_i missing: the mean of the t that are there;    o_i likewise;    both: x_i = 0

So a cosine is half the cosine of the texts and half that of the others. The mean stands in for what
is missing because an item's cosine to it is the mean of its cosines to all: an item with one of the
two is as near to others as it would be on average, neither favoured nor left out, and where a line
is fitted through the vectors (`embedding_prior`) the part that is missing says nothing.

Wrong tool when one of the two is noise: a prior learns to leave it alone, `relevance` and diversity
do not, and half of what they see is noise then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def side_by_side(text: Vectors | None, own: Vectors | None) -> Vectors | None:
    """Both as one matrix.

    Parameters
    ----------
    text, own
        (n_items, d) and (n_items, e) unit rows, zeros where an item has none; None, or zeros alone:
        no item has one.

    Returns
    -------
    (n_items, d + e) unit rows, zeros for items with neither; where only one of the two is there, it
    as it is; None without any.

    """
    if own is None or not own.any():
        return text
    if text is None or not text.any():
        return own
    d = text.shape[1]
    rows = np.empty((len(text), d + own.shape[1]), dtype=np.float32)  # (n_items, d + e)
    nothing = np.ones(len(text), dtype=np.bool_)  # (n_items,)
    for part, each in ((rows[:, :d], text), (rows[:, d:], own)):
        missing = np.einsum("ij,ij->i", each, each) == 0  # (n_items,)
        part[:] = each
        part[missing] = each[~missing].mean(axis=0)
        nothing &= missing
    rows /= np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    rows[nothing] = 0.0
    return rows
