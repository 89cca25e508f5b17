"""Forgetting as far as change demands: every item's counts are read through the longest memory that
its recent clicks bear out.

    hypothesis j of item i: its rate changed just before memory j began; memory 0 is the shortest,
    the last is the whole log L_ij = BetaBinomial(clicks in memory 0 | looks in memory 0, what
    memory j without memory 0 predicts)
    q_ij ~ pi_j L_ij,   pi by expectation-maximisation over items that have evidence, from "nothing
                        changed"

Where rates stand still, q stays at the whole log and nothing is lost; where many shown items have
changed, pi moves and with it the trust in old counts of items that are no longer shown. Predictions
are made per segment and added up, so that an item shown more where it is liked does not look
changed. Memories are discounted sums (`Counts.recent`), additive like all counts.

Not promised: an exponential memory keeps a tail of old events; a change is seen clearly after about
one half-life of the shortest. Adams & MacKay (2007), Bayesian Online Changepoint Detection; Ibrahim
& Chen (2000), Power prior distributions for regression models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bandits.arms import Floats
from bandits.learning.pooling import Pool, Priors, priors_of
from bandits.learning.special import log_beta_binomial

# Half-lives of the memories, in clicks of the whole site: the shortest sees a change within minutes
# of a busy site, each next one is four times longer, so that some memory is always between 1/4 and
# 1/1 of the time since a change.
RECENT_HALF_LIVES = (2_000.0, 8_000.0, 32_000.0)

# prior probability of each memory but the longest: a change needs evidence of about 7 nats
CHANGED = 1e-3
PRIOR_ITEMS = 20.0  # items' worth of that prior: fewer changed items than this move pi little
EM_STEPS = 8


def change_odds(recent: Pool, rests: Sequence[Pool]) -> Floats:
    """Probability of every memory for every item.

    Parameters
    ----------
    recent
        Pool of the shortest memory (only its looks and hits are read).
    rests
        Per memory, shortest first, the pool of its counts without those of the shortest; the first
        has none.

    Returns
    -------
    (n_memories, n_items), columns sum to 1.

    """
    n = np.maximum(recent.looks, recent.hits)  # (n_segments, n_items)
    total, hits = n.sum(axis=0), recent.hits.sum(axis=0)  # (n_items,)
    # (n_memories, n_items)
    fit = np.stack([_log_prediction(n, total, hits, rest) for rest in rests])
    pi = np.full(len(rests), CHANGED)
    pi[-1] = 1 - CHANGED * (len(rests) - 1)
    prior = pi.copy()
    likelihood = np.exp(fit - fit.max(axis=0))
    evidence = total / (total + 1)  # (n_items,) items without recent looks say nothing about change
    for _ in range(EM_STEPS):
        q = _normalise(pi[:, None] * likelihood)
        share = (q * evidence).sum(axis=1) + PRIOR_ITEMS * prior
        pi = share / share.sum()
    return _normalise(pi[:, None] * likelihood)


def mix(
    priors: Sequence[Priors], looks: Sequence[Floats], hits: Sequence[Floats], odds: Floats
) -> tuple[Floats, Floats]:
    """Posterior of one segment's arms over all memories, as the Beta with the mixture's mean and
    variance.

    Parameters
    ----------
    priors, looks, hits
        Per memory, (n_items,) each.
    odds
        (n_memories, n_items).

    Returns
    -------
    alpha, beta, each (n_items,).

    """
    first, second = np.zeros(odds.shape[1]), np.zeros(odds.shape[1])
    for prior, n, s, q in zip(priors, looks, hits, odds, strict=True):
        mean, worth = _posterior(prior, n, s)
        first += q * mean
        second += q * (mean * (1 - mean) / (worth + 1) + mean * mean)
    variance = np.maximum(second - first * first, 1e-300)
    worth = np.maximum(first * (1 - first) / variance - 1, 1e-3)
    return first * worth, (1 - first) * worth


def _log_prediction(n: Floats, total: Floats, hits: Floats, rest: Pool) -> Floats:
    """Log evidence L of one memory, (n_items,): the item's recent clicks over all segments, given
    what the rest of the memory says.
    """
    mean, worth = _posterior(priors_of(rest), rest.looks, rest.hits)  # (n_segments, n_items)
    expected = (n * mean).sum(axis=0)  # (n_items,)
    variance = (n * n * mean * (1 - mean) / (worth + 1)).sum(axis=0)
    seen = total > 1e-6
    rate = np.where(seen, expected / np.where(seen, total, 1.0), 0.5)
    spread = np.where(seen, variance / np.where(seen, total, 1.0) ** 2, 0.1)
    strength = np.maximum(rate * (1 - rate) / np.maximum(spread, 1e-300) - 1, 1e-3)
    fit = log_beta_binomial(hits, np.maximum(total, hits), rate * strength, (1 - rate) * strength)
    return np.where(seen, fit, 0.0)


def _posterior(prior: Priors, n: Floats, s: Floats) -> tuple[Floats, Floats]:
    alpha = prior.mean * prior.strength + s
    beta = (1 - prior.mean) * prior.strength + np.maximum(n - s, 0.0)
    return alpha / (alpha + beta), alpha + beta


def _normalise(q: Floats) -> Floats:
    out: Floats = q / q.sum(axis=0)
    return out
