"""Updates/s and slates/s of one peer library, run by a Python that has it:
`python policies_peer.py PEER N_ITEMS`.

Prints one JSON object: {"updates_per_s", "slates_per_s", "of", "slate"}. Each peer is used as its
documentation does: its own call for one decision, and its fastest call for feedback. `slate` says
what one decision holds.
"""

import json
import sys
import time
from collections.abc import Callable

import numpy as np

SECONDS = 1.0  # of each measurement; the best of three
K = 10


def per_second(work: Callable[[], int]) -> float:
    """Repeat `work`, which returns how many units it did, for a while; units a CPU second, the best
    of three rounds.

    A call that takes longer than that while is measured once.
    """
    start = time.process_time()
    done = work()
    took = time.process_time() - start
    if took > SECONDS:
        return done / took
    best = 0.0
    for _ in range(3):
        done, start = 0, time.process_time()
        while time.process_time() - start < SECONDS / 3:
            done += work()
        best = max(best, done / (time.process_time() - start))
    return best


def events(n_items: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, n_items, n), (rng.random(n) < 0.1).astype(float)


def mabwiser(n_items: int) -> dict:
    from mabwiser.mab import MAB, LearningPolicy

    item, click = events(n_items, 20_000)
    bandit = MAB(list(range(n_items)), LearningPolicy.UCB1(alpha=1.0))
    bandit.fit(item, click)

    def update() -> int:
        bandit.partial_fit(item, click)
        return item.size

    def slate() -> int:
        expected = bandit.predict_expectations()
        np.argpartition(np.fromiter(expected.values(), float, n_items), n_items - K)[-K:]
        return 1

    return {
        "of": "UCB1",
        "updates_per_s": per_second(update),
        "slates_per_s": per_second(slate),
        "slate": f"top {K}",
    }


def mabwiser_thompson(n_items: int) -> dict:
    from mabwiser.mab import MAB, LearningPolicy

    item, click = events(n_items, 20_000)
    bandit = MAB(list(range(n_items)), LearningPolicy.ThompsonSampling())
    bandit.fit(item, click)

    def update() -> int:
        bandit.partial_fit(item, click)
        return item.size

    def slate() -> int:
        expected = bandit.predict_expectations()
        np.argpartition(np.fromiter(expected.values(), float, n_items), n_items - K)[-K:]
        return 1

    return {
        "of": "ThompsonSampling",
        "updates_per_s": per_second(update),
        "slates_per_s": per_second(slate),
        "slate": f"top {K}",
    }


def obp(n_items: int) -> dict:
    from obp.policy import BernoulliTS

    item, click = events(n_items, 20_000)
    bandit = BernoulliTS(n_actions=n_items, len_list=K, random_state=0, batch_size=10_000)
    pairs = list(zip(item.tolist(), click.tolist(), strict=True))

    def update() -> int:
        for action, reward in pairs:
            bandit.update_params(action, reward)
        return len(pairs)

    def slate() -> int:
        bandit.select_action()
        return 1

    return {
        "of": "BernoulliTS",
        "updates_per_s": per_second(update),
        "slates_per_s": per_second(slate),
        "slate": f"top {K}",
    }


def river(n_items: int) -> dict:
    from river import bandit, proba

    item, click = events(n_items, 20_000)
    policy = bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=0)
    pairs = list(zip(item.tolist(), (click > 0).tolist(), strict=True))
    arms = list(range(n_items))

    def update() -> int:
        for arm, reward in pairs:
            policy.update(arm, reward)
        return len(pairs)

    def slate() -> int:
        policy.pull(arms)
        return 1

    return {
        "of": "ThompsonSampling",
        "updates_per_s": per_second(update),
        "slates_per_s": per_second(slate),
        "slate": "1 item",
    }


def bayesianbandits(n_items: int) -> dict:
    from bayesianbandits import Agent, Arm, DirichletClassifier, ThompsonSampling

    item, click = events(n_items, 2000)
    # Its learner of click-like rewards; the reward is the probability of class 1.
    arms = [
        Arm(i, reward_function=lambda p: p[..., 1], learner=DirichletClassifier({0: 1.0, 1: 1.0}))
        for i in range(n_items)
    ]
    agent = Agent(arms, ThompsonSampling(), random_seed=0)
    for i in range(n_items):
        agent.select_for_update(i).update(np.array([0]))

    def update() -> int:
        order = np.argsort(item, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(item[order])) + 1):
            agent.select_for_update(int(item[group[0]])).update(click[group].astype(int))
        return item.size

    def slate() -> int:
        agent.pull(top_k=K)
        return 1

    return {
        "of": "ThompsonSampling over DirichletClassifier",
        "updates_per_s": per_second(update),
        "slates_per_s": per_second(slate),
        "slate": f"top {K}",
    }


PEERS = {
    "mabwiser": mabwiser,
    "mabwiser-thompson": mabwiser_thompson,
    "obp": obp,
    "river": river,
    "bayesianbandits": bayesianbandits,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(PEERS[sys.argv[1]](int(sys.argv[2]))) + "\n")
