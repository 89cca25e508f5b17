"""The linear model of one segment's rates on item vectors, rebuilt from counts, with a residual per
arm.

    y_a = s_a / n_a - g,   A = lambda I + X' D X,   b = X' D y,   D = n_a / (v + r n_a)
    line of a: g + x_a' A^-1 b, with variance x_a' A^-1 x_a
    residual of a ~ Normal(0, r), posterior by the arm's own n_a looks of variance v = g (1 - g)

g is the segment's rate. Without the residual (r = 0) a line through embeddings goes on losing
wherever clicks are not linear in them; with it, the line is where a new arm starts and its own
counts decide in the end. Nothing is stored: a new release of vectors is used at once. Li, Chu,
Langford & Schapire (2010), A Contextual-Bandit Approach to Personalized News Article Recommendation
(hybrid of shared and own parts); Agrawal & Goyal (2013), Thompson Sampling for Contextual Bandits
with Linear Payoffs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandits.arms import ArmView, Floats


class Line(NamedTuple):
    """Posterior of the linear part and of the residuals.

    Attributes
    ----------
    x
        (n_items, d) vectors.
    theta, root
        (d,) mean of the coefficients, and (d, d) a square root of their covariance A^-1.
    level
        g, scalar.
    residual, residual_sd
        (n_items,) mean and standard deviation of the arms' own parts.

    """

    x: Floats
    theta: Floats
    root: Floats
    level: float
    residual: Floats
    residual_sd: Floats

    @property
    def mean(self) -> Floats:
        """Posterior mean rate, (n_items,)."""
        return np.asarray(self.level + self.x @ self.theta + self.residual, dtype=np.float64)

    @property
    def sd(self) -> Floats:
        """Posterior standard deviation, (n_items,): the line's and the residual's together."""
        line = ((self.x @ self.root) ** 2).sum(axis=1)  # (n_items,)
        return np.asarray(np.sqrt(line + self.residual_sd**2), dtype=np.float64)


def fit_line(arms: ArmView, spread: float, residual: float) -> Line:
    """Fit the model to one segment.

    Parameters
    ----------
    arms
        The segment; without vectors the line is g alone, until there are some.
    spread
        Prior standard deviation of a unit vector's line, relative to g: lambda = 1 / (spread g)^2.
        Larger learns faster.
    residual
        Prior standard deviation of an arm's own part, relative to g: r = (residual g)^2. Larger
        trusts own counts sooner; 0 has none.

    """
    # without vectors, as with zero rows, an arm has its residual alone
    given = np.zeros((arms.clicks.size, 1)) if arms.vectors is None else arms.vectors
    x = np.asarray(given, dtype=np.float64)  # (n_items, d)
    n, s = arms.impressions + arms.in_flight, arms.clicks  # (n_items,)
    base = float(arms.prior_mean.mean()) if arms.prior_mean.size else 0.5
    # one click's worth of the prior before any look
    g = float((s.sum() + 1) / (arms.impressions.sum() + 1 / base))
    s = s + arms.in_flight * g  # looks in flight shrink the spread and move no mean
    v, r = g * (1 - g), (residual * g) ** 2
    d = n / (v + r * n)  # (n_items,) precision of y
    y = s / np.maximum(n, 1e-300) - g
    precision = np.eye(x.shape[1]) / (spread * g) ** 2 + (x.T * d) @ x  # (d, d)
    values, basis = np.linalg.eigh(precision)
    root = basis / np.sqrt(values)  # (d, d): root root' = A^-1
    theta = root @ (root.T @ (x.T @ (d * np.where(n > 0, y, 0.0))))  # (d,)
    own = r * n / (v + r * n)  # (n_items,) share of the residual that the arm's own looks show
    rest = own * np.where(n > 0, y - x @ theta, 0.0)
    return Line(x, theta, root, g, rest, np.sqrt(r * (1 - own)))
