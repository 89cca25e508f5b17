"""Gamma, Beta and normal functions in NumPy, because the library asks for nothing else: tests hold
each against SciPy.

    log_gamma(x) by Stirling's series at x + 8, brought down by log Gamma(x) = log Gamma(x + 8) -
        log(x (x+1) ... (x+7))
    its first two derivatives, digamma and trigamma, likewise
    beta_cdf(x; a, b) by Lentz's continued fraction for the regularised
    incomplete Beta function
        (by Gauss-Legendre quadrature where both parameters are large)
    beta_quantile(q; a, b) by Newton steps inside a bracket
    normal_cdf(x) by the error function of Python's mathematics

Relative error about 1e-13 for log_gamma, 1e-10 for the cdf, for parameters from 1e-3 to 1e7. Press
et al. (2007), Numerical Recipes, sections 6.1, 6.2 and 6.14; Abramowitz & Stegun (1964), 6.1.41,
6.3.6, 6.3.18, 6.4.6 and 6.4.12.
"""

from __future__ import annotations

import math

import numpy as np

from bandits.arms import Floats

# Bernoulli numbers B_2k / (2k (2k - 1)), k = 1..6: at x >= 8 the next term is below 1e-15.
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
SHIFT = 8
FRACTION_TERMS = 400  # converges in about sqrt(max(a, b)) terms; stops as soon as every element has
LARGE = 3000.0  # above it both ways agree to 1e-10, and quadrature costs the same for any a and b
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(48)
NEWTON_STEPS = 60  # about 4 are used; the rest are for parameters below 1, where halving takes over
TINY = 1e-300


def log_gamma(x: Floats) -> Floats:
    """Logarithm of Gamma(x) for x > 0, element by element."""
    x = np.asarray(x, dtype=np.float64)
    product = x.copy()
    for i in range(1, SHIFT):
        product *= x + i
    z = x + SHIFT
    square = 1 / (z * z)
    series = np.full_like(x, STIRLING[-1])
    for coefficient in reversed(STIRLING[:-1]):
        series *= square
        series += coefficient
    series /= z
    out: Floats = (z - 0.5) * np.log(z) - z + 0.5 * np.log(2 * np.pi) + series - np.log(product)
    return out


def digamma_trigamma(x: Floats) -> tuple[Floats, Floats]:
    """First and second derivative of `log_gamma` at x > 0, element by element.

    psi(z)  = log z - 1 / (2 z) - sum_k (2k - 1) c_k / z^(2k)
    psi'(z) = 1 / z + 1 / (2 z^2) + sum_k (2k - 1) 2k c_k / z^(2k + 1)

    at z = x + 8, brought down by 1 / (x + i) and its square; c_k are the coefficients of Stirling's
    series.
    """
    x = np.asarray(x, dtype=np.float64)
    first, second = np.zeros_like(x), np.zeros_like(x)
    for i in range(SHIFT):
        inverse = 1 / (x + i)
        first -= inverse
        second += inverse * inverse
    z = x + SHIFT
    inverse = 1 / z
    square = inverse * inverse
    one, two = np.zeros_like(x), np.zeros_like(x)
    for k in range(len(STIRLING), 0, -1):
        odd = (2 * k - 1) * STIRLING[k - 1]
        one = (one + odd) * square
        two = (two + 2 * k * odd) * square
    first += np.log(z) - 0.5 * inverse - one
    second += inverse + 0.5 * square + two * inverse
    return first, second


def log_beta(a: Floats, b: Floats) -> Floats:
    """Logarithm of B(a, b): log Gamma(a) + log Gamma(b) - log Gamma(a + b)."""
    out: Floats = log_gamma(a) + log_gamma(b) - log_gamma(a + b)
    return out


def log_beta_binomial(s: Floats, n: Floats, a: Floats, b: Floats) -> Floats:
    """Log probability of s successes in n looks when the rate is drawn from Beta(a, b), without the
    binomial coefficient.

    s and n need not be whole numbers; 0 <= s <= n, a and b above 0.
    """
    return log_beta(a + s, b + n - s) - log_beta(a, b)


def normal_cdf(x: Floats) -> Floats:
    """P(Z <= x) for a standard normal Z, element by element; exact far below zero, too."""
    flat = np.ravel(x) / -math.sqrt(2)
    return 0.5 * np.array([math.erfc(each) for each in flat.tolist()]).reshape(np.shape(x))


def beta_cdf(x: Floats, a: Floats, b: Floats) -> Floats:
    """P(theta <= x) for theta ~ Beta(a, b); arrays that broadcast, x in [0, 1]."""
    x, a, b = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (x, a, b)))
    inside = np.clip(x, TINY, 1 - 1e-16)
    large = np.minimum(a, b) > LARGE
    cdf = np.empty(x.shape)
    for part, method in ((large, _by_quadrature), (~large, _by_fraction)):
        if part.any():
            cdf[part] = method(inside[part], a[part], b[part])
    return np.where(x <= 0, 0.0, np.where(x >= 1, 1.0, np.clip(cdf, 0.0, 1.0)))


def beta_quantile(q: Floats, a: Floats, b: Floats) -> Floats:
    """Find x with beta_cdf(x; a, b) = q in (0, 1), to about 1e-9 of x: Newton on the logarithm of
    the nearer tail, inside a bracket.

    The tails of a Beta distribution are log-concave for a, b >= 1, so Newton does not overshoot
    there.
    """
    q, a, b = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (q, a, b)))
    # subtle: an upper tail is the lower tail of the mirrored distribution. Taken as 1 - cdf it
    # would be rounding below 1e-14.
    upper = q > 0.5
    x = _lower_quantile(np.where(upper, 1 - q, q), np.where(upper, b, a), np.where(upper, a, b))
    return np.asarray(np.where(upper, 1 - x, x), dtype=np.float64)


def _lower_quantile(q: Floats, a: Floats, b: Floats) -> Floats:
    """Quantile for q in (0, 0.5]."""
    low, high = np.zeros(q.shape), np.ones(q.shape)
    x = _first_guess(q, a, b)
    constant = log_beta(a, b)
    for _ in range(NEWTON_STEPS):
        cdf = beta_cdf(x, a, b)
        low, high = np.where(cdf < q, x, low), np.where(cdf < q, high, x)
        density = np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - constant)
        solid = (cdf > TINY) & (density > TINY)
        step = x - np.where(
            solid, np.log(np.maximum(cdf, TINY) / q) * cdf / np.maximum(density, TINY), 0.0
        )
        done = solid & (np.abs(step - x) <= 1e-10 * x)  # further steps only stir the last digits
        new = np.where(
            done, x, np.where(solid & (step > low) & (step < high), step, (low + high) / 2)
        )
        x = np.clip(new, TINY, 1 - 1e-16)
        if done.all():
            break
    return x


def _first_guess(q: Floats, a: Floats, b: Floats) -> Floats:
    """Start of the quantile: Abramowitz & Stegun 26.5.22 where both parameters are at least 1, else
    the power law of the nearer end.
    """
    tail = np.clip(np.minimum(q, 1 - q), TINY, 0.5)
    t = np.sqrt(-2 * np.log(tail))
    # upper normal quantile of the tail
    z = t - (2.30753 + 0.27061 * t) / (1 + (0.99229 + 0.04481 * t) * t)
    z = np.where(q < 0.5, z, -z)  # minus the normal quantile of q
    big_a, big_b = np.maximum(a, 1.0), np.maximum(b, 1.0)
    lam = (z * z - 3) / 6
    h = 2 / (1 / (2 * big_a - 1) + 1 / (2 * big_b - 1))
    w = z * np.sqrt(np.maximum(h + lam, 0.0)) / h - (1 / (2 * big_b - 1) - 1 / (2 * big_a - 1)) * (
        lam + 5 / 6 - 2 / (3 * h)
    )
    smooth = big_a / (big_a + big_b * np.exp(np.clip(2 * w, -600, 600)))
    left = np.exp(np.clip(a * np.log(a / (a + b)), -600, 600)) / a
    right = np.exp(np.clip(b * np.log(b / (a + b)), -600, 600)) / b
    share = left + right
    power = np.where(
        q < left / share,
        np.power(np.maximum(a * share * q, TINY), 1 / a),
        1 - np.power(np.maximum(b * share * (1 - q), TINY), 1 / b),
    )
    return np.asarray(
        np.clip(np.where((a >= 1) & (b >= 1), smooth, power), TINY, 1 - 1e-16), dtype=np.float64
    )


def _by_fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    """Regularised incomplete Beta function by the continued fraction, on the side where it
    converges fast.
    """
    front = np.exp(a * np.log(x) + b * np.log1p(-x) - log_beta(a, b))
    swap = x > (a + 1) / (a + b + 2)  # the fraction converges fast on the left of the mean only
    left = _fraction(np.where(swap, 1 - x, x), np.where(swap, b, a), np.where(swap, a, b))
    part = front * left / np.where(swap, b, a)
    return np.asarray(np.where(swap, 1 - part, part), dtype=np.float64)


def _by_quadrature(x: Floats, a: Floats, b: Floats) -> Floats:
    """Integrate the density from x to 10 standard deviations beyond the mean; for large a and b,
    where it is smooth.
    """
    mean = a / (a + b)
    sd = np.sqrt(mean * (1 - mean) / (a + b + 1))
    right = x > mean
    end = np.where(
        right,
        np.minimum(np.maximum(mean + 10 * sd, x + 5 * sd), 1 - 1e-16),
        np.maximum(np.minimum(mean - 10 * sd, x - 5 * sd), TINY),
    )
    half, middle = (end - x) / 2, (end + x) / 2
    t = middle[..., None] + half[..., None] * NODES  # (..., n_nodes)
    # The density relative to its value at the mean: the terms cancel before they grow to 1e8.
    log_ratio = (a - 1)[..., None] * np.log(t / mean[..., None]) + (b - 1)[..., None] * np.log(
        (1 - t) / (1 - mean)[..., None]
    )
    peak = (a - 1) * np.log(mean) + (b - 1) * np.log1p(-mean) - log_beta(a, b)
    integral = (np.exp(log_ratio) * NODE_WEIGHTS).sum(axis=-1) * half * np.exp(peak)
    return np.asarray(np.where(right, 1 - integral, -integral), dtype=np.float64)


def _fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    """Continued fraction of the incomplete Beta function by the modified Lentz method."""
    c = np.ones_like(x)
    d = 1 - (a + b) * x / (a + 1)
    d = 1 / np.where(np.abs(d) < TINY, TINY, d)
    h = d
    for m in range(1, FRACTION_TERMS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / np.where(np.abs(d) < TINY, TINY, d)
            c = 1 + numerator / c
            c = np.where(np.abs(c) < TINY, TINY, c)
            h = h * d * c
        if np.all(np.abs(d * c - 1) < 1e-15):
            break
    out: Floats = h
    return out
