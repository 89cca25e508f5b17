"""The registry of policies: one line per entry, each a factory with keyword options. All of them
read the same `ArmView`.
"""

from __future__ import annotations

from collections.abc import Callable

from bandits.arms import ArmView, Need, Policy, index_policy, policy_of, posterior, posterior_mean
from bandits.policies.bayes_ucb import bayes_ucb
from bandits.policies.epsilon_greedy import epsilon_greedy
from bandits.policies.greedy import greedy
from bandits.policies.kl_ucb import kl_ucb
from bandits.policies.lin_thompson import lin_thompson
from bandits.policies.lin_ucb import lin_ucb
from bandits.policies.random_order import random
from bandits.policies.softmax import softmax
from bandits.policies.thompson import thompson
from bandits.policies.thompson_gaussian import thompson_gaussian
from bandits.policies.ucb1 import ucb1

POLICIES: dict[str, Callable[..., Policy]] = {
    "greedy": greedy,
    "epsilon_greedy": epsilon_greedy,
    "random": random,
    "softmax": softmax,
    "ucb1": ucb1,
    "kl_ucb": kl_ucb,
    "bayes_ucb": bayes_ucb,
    "thompson": thompson,
    "thompson_gaussian": thompson_gaussian,
    "lin_ucb": lin_ucb,
    "lin_thompson": lin_thompson,
}


def make_policy(name: str, **options: float) -> Policy:
    """Make a policy by its name.

    Raises
    ------
    ValueError
        On a name that is not in the registry, or an option that the policy does not have.

    """
    if name not in POLICIES:
        message = f"policy must be one of {', '.join(sorted(POLICIES))}; found {name!r}"
        raise ValueError(message)
    try:
        return POLICIES[name](**options)
    except TypeError as error:
        message = f"policy {name}: options {sorted(options)} do not fit: {error}"
        raise ValueError(message) from error


__all__ = [
    "POLICIES",
    "ArmView",
    "Need",
    "Policy",
    "index_policy",
    "make_policy",
    "policy_of",
    "posterior",
    "posterior_mean",
]
