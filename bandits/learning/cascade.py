"""The cascade model, an option beside position weights: a user reads from the top and stops at a
click.

    examined_j = 1 for places up to the last click, and for all places where nothing was clicked
    below the last click: 1 for those that are sure to go on (`persistence` = 1), persistence **
    (places below) otherwise

With persistence = 0 a place below the last click is no evidence, neither for nor against the item.
The result goes where the examination weights of `bandits.learning.position` go: into
`Counts.examined`. Not promised: weights then depend on clicks, so they are known only once the
clicks are in; with late feedback count such slates after the attribution window. Kveton,
Szepesvári, Wen & Ashkan (2015), Cascading Bandits; Guo, Liu & Wang (2009), Efficient Multiple-Click
Models in Web Search (dependent click model: the last click).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats


def cascade_examined(clicked: NDArray[np.bool_], *, persistence: float = 0.0) -> Floats:
    """How much each shown place counts as looked at.

    Parameters
    ----------
    clicked
        (n_slates, n_places) bool, places from the top.
    persistence
        Probability of reading on by one place after the last click, in [0, 1]; larger takes more of
        what lies below as seen.

    Returns
    -------
    (n_slates, n_places) weights in [0, 1].

    Raises
    ------
    ValueError
        If persistence is outside [0, 1] or the array is not 2-d.

    Examples
    --------
    >>> cascade_examined(np.array([[False, True, False], [False, False, False]]))
    array([[1., 1., 0.],
           [1., 1., 1.]])

    """
    if not 0 <= persistence <= 1 or clicked.ndim != 2:
        message = (
            f"persistence must be in [0, 1] and clicked (n_slates, n_places), found {persistence} "
            f"and {clicked.shape}"
        )
        raise ValueError(message)
    n_places = clicked.shape[1]
    place = np.arange(n_places)
    # (n_slates,)
    last = np.where(
        clicked.any(axis=1), n_places - 1 - np.argmax(clicked[:, ::-1], axis=1), n_places - 1
    )
    below = np.maximum(place[None, :] - last[:, None], 0)  # (n_slates, n_places)
    return np.asarray(float(persistence) ** below, dtype=np.float64)
