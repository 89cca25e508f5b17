"""User effects: what users' histories say about clicks beyond the items' rates, learned from logged
slates.

    logit P(click) = logit(m w) + b_0 + sum_i b_i (f_i - mean of the slate's f_i),   b_i ~ N(0, 1)
    b   maximises the posterior, by Newton steps
    V   = H^-1 (sum_slates g g') H^-1,   g the gradient of a slate, H the curvature
    b_i <- b_i max(0, 1 - (Z / z_i)^2),  z_i = b_i / sqrt(V_ii)

m is the item's click rate in the segment as it was known when the slate was made, w how often its
place is looked at: an offset, so that a rate is not learned twice. Features are compared inside a
slate only: that busy users have longer histories says nothing about what to show them. An effect
with less than `Z` standard deviations of evidence is out, and the others are fitted without it; one
with more is shrunk by how little more it has. So vectors that say nothing cost nothing. One of the
other sign than its name has is fitted and not used: what was shown often was chosen by what is
known of the user, and without it the others would be taken for less than they are.

Not promised: that effects are causes. What is shown is chosen by the same effects, and an item's
rate is that of those it was shown to.

Chapelle & Li (2011), An Empirical Evaluation of Thompson Sampling, algorithm 3 (regularised
logistic regression by Laplace's approximation); Liang & Zeger (1986), Longitudinal Data Analysis
Using Generalized Linear Models (V); Breiman (1995), Better Subset Regression Using the Nonnegative
Garrote (the last line).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.user_features import FEATURES
from bandits.learning.user_history import Ints

# An effect of nothing passes in 1 of 40 fits, and is then all but zero.
Z = 2.0
# Which way each may go: clicked things attract, what was shown tires. The other way round a user
# would be shown the same again and again.
SIGNS = np.array([1.0, -1.0, -1.0])
PRIOR_PRECISION = 1.0  # of log-odds per unit of a feature: a factor of 2.7 is nothing unusual
NEWTON_STEPS = 8
FEWEST_CLICKS = 50  # with fewer a standard deviation of a click or two decides
LOWEST, HIGHEST = 1e-6, 0.99  # of a rate
# Log-odds that a history may add or take: beyond that an item is as good as first or out.
MOST = 4.0


class UserRows(NamedTuple):
    """Logged impressions, (n,) each but for the features.

    Attributes
    ----------
    features
        (n, 3) as they were when the slate was made.
    rate
        Offset as a rate: m w.
    clicked
        bool.
    slate
        Number of its slate; rows of one stand together.

    """

    features: Floats
    rate: Floats
    clicked: NDArray[np.bool_]
    slate: Ints


class UserEffects(NamedTuple):
    """What was learned.

    Attributes
    ----------
    weights
        (3,) b after shrinking, 0 where it says nothing.
    evidence
        (3,) z, of the fit that an effect was in last.
    slates, clicks
        That it was learned from.

    """

    weights: Floats
    evidence: Floats
    slates: int = 0
    clicks: int = 0

    @property
    def some(self) -> bool:
        """Whether any says anything."""
        return bool(self.weights.any())

    def log_odds(self, features: Floats) -> Floats:
        """What features (n, 3) add to the log-odds of a click, (n,)."""
        return np.clip(features @ self.weights, -MOST, MOST)


NO_EFFECTS = UserEffects(np.zeros(len(FEATURES)), np.zeros(len(FEATURES)))


def learn_effects(rows: UserRows) -> UserEffects:
    """Learn effects from logged impressions.

    Examples
    --------
    Items of the taste are clicked twice as often.

    >>> rng = np.random.default_rng(0)
    >>> f = np.zeros((40_000, 3))
    >>> f[:, 0] = rng.integers(2, size=40_000)
    >>> clicked = rng.random(40_000) < 0.1 * (1 + f[:, 0])
    >>> rows = UserRows(f, np.full(40_000, 0.15), clicked, np.arange(40_000) // 10)
    >>> learn_effects(rows).weights.round(1)
    array([0.8, 0. , 0. ])

    """
    slates, clicks = int(np.unique(rows.slate).size), int(rows.clicked.sum())
    if clicks < FEWEST_CLICKS:
        return NO_EFFECTS._replace(slates=slates, clicks=clicks)
    rate = np.clip(rows.rate, LOWEST, HIGHEST)
    offset = np.log(rate / (1 - rate))
    centred, slate = _centred(rows)
    weights, evidence = np.zeros(len(FEATURES)), np.zeros(len(FEATURES))
    among = np.flatnonzero(centred.std(axis=0) > 1e-9)
    while among.size:
        b, error = _fit(centred[:, among], offset, rows.clicked.astype(np.float64), slate)
        evidence[among] = b / error
        strength = np.abs(evidence[among])
        if strength.min() > Z:
            weights[among] = b * (1 - (Z / strength) ** 2) * (SIGNS[among] * b > 0)
            break
        among = np.delete(among, strength.argmin())
    return UserEffects(weights, evidence, slates, clicks)


def _centred(rows: UserRows) -> tuple[Floats, Ints]:
    """Features without their slates' means, and slates by number from 0."""
    _, slate = np.unique(rows.slate, return_inverse=True)
    slate = slate.ravel()
    size = np.bincount(slate)
    mean = np.stack([np.bincount(slate, f) / size for f in rows.features.T], axis=1)
    return rows.features - mean[slate], slate


def _fit(x: Floats, offset: Floats, y: Floats, slate: Ints) -> tuple[Floats, Floats]:
    """Return b and its standard deviation, (n_effects,) each, without the intercept's."""
    design = np.column_stack([x, np.ones(len(x))])  # the intercept has no prior to speak of
    precision = np.diag(np.r_[np.full(x.shape[1], PRIOR_PRECISION), 1e-6])
    b = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-(offset + design @ b)))  # (n,)
        gradient = design.T @ (y - p) - precision @ b
        curvature = (design * (p * (1 - p))[:, None]).T @ design + precision
        step = np.linalg.solve(curvature, gradient)
        # subtle: far from the top the curvature says little of where it is
        b = b + step * min(1.0, 2.0 / float(np.abs(step).max() + 1e-300))
    p = 1 / (1 + np.exp(-(offset + design @ b)))
    parts = [np.bincount(slate, column * (y - p)) for column in design.T]
    scores = np.stack(parts, axis=1)  # (n_slates, n_effects + 1)
    inverse = np.linalg.inv(curvature)
    robust = np.diag(inverse @ (scores.T @ scores) @ inverse)
    laplace = np.diag(inverse)
    return b[:-1], np.sqrt(np.maximum(robust, laplace))[:-1]
