"""Arms for the tests of policies."""

import numpy as np

from bandits.arms import ArmView


def arms_of(impressions, clicks, mean=0.5, strength=2.0, **more):
    """A view of one segment; the prior is Beta(1, 1) unless said otherwise."""
    n = np.asarray(impressions, dtype=np.float64)
    s = np.asarray(clicks, dtype=np.float64)
    fields = {
        "conversions": np.zeros(n.size),
        "value": s.copy(),
        "prior_mean": np.full(n.size, mean),
        "prior_strength": np.full(n.size, strength),
        "total": float(n.sum()),
        "vectors": None,
        "pooled_impressions": n.copy(),
        "pooled_clicks": s.copy(),
        "in_flight": np.zeros(n.size),
    }
    return ArmView(impressions=n, clicks=s, **(fields | more))


def random_arms(seed, n_items=12, d=3):
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 200, n_items).astype(float)
    s = np.floor(n * rng.random(n_items) * 0.4)
    vectors = rng.normal(size=(n_items, d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return arms_of(
        n,
        s,
        mean=0.2,
        strength=5.0,
        vectors=vectors,
        in_flight=rng.integers(0, 5, n_items).astype(float),
    )
