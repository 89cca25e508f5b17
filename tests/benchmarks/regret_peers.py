"""The peers as learners of the simulator, each by its own classes; imported only by a Python that
has them.

What every peer gets: one bandit per segment (contextualbandits: the segment as one-hot context),
every impression as a pull with the click as reward, and places ignored, since none of them knows
places. Its top five is taken from its own scores. Libraries that need milliseconds for one decision
choose once per batch and segment; `ours_per_batch` shows what that costs.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bandits.simulation.simulate import Feedback, Shown

K = 5


class PerSegment:
    """One bandit per segment; subclasses say how to make it, ask it and teach it."""

    name = ""

    def start(self, n_segments, n_items, n_places):
        self.n_items = n_items
        return [self.make(n_items, segment) for segment in range(n_segments)]

    def choose(self, state, segments, can_show, rng):
        out = np.empty((segments.size, K), dtype=np.int64)
        for segment in np.unique(segments):
            here = segments == segment
            out[here] = self.slates(state[segment], int(here.sum()), rng)
        return out

    def note(self, state, shown: Shown):
        return state

    def learn(self, state, feedback: Feedback):
        for segment in np.unique(feedback.segments):
            here = feedback.segments == segment
            state[segment] = self.teach(
                state[segment], feedback.items[here].ravel(), feedback.clicked[here].ravel()
            )
        return state

    def top(self, scores, rng):
        order = rng.permutation(self.n_items)  # equal scores in random order
        return order[np.argsort(-scores[order], kind="stable")[:K]]


class Mabwiser(PerSegment):
    """mabwiser: expectations of one decision, best five."""

    policy = ""
    options: ClassVar[dict[str, float]] = {}

    def make(self, n_items, seed):
        from mabwiser.mab import MAB, LearningPolicy

        mab = MAB(
            list(range(n_items)), getattr(LearningPolicy, self.policy)(**self.options), seed=seed
        )
        # it must be fitted before it may choose: one look an arm
        mab.fit(np.arange(n_items), np.zeros(n_items, dtype=int))
        return mab

    def slates(self, mab, n, rng):
        expected = mab.predict_expectations()
        return self.top(
            np.fromiter((expected[i] for i in range(self.n_items)), float, self.n_items), rng
        )

    def teach(self, mab, items, clicked):
        mab.partial_fit(items, clicked.astype(int))
        return mab


class MabwiserThompson(Mabwiser):
    name, policy = "mabwiser Thompson", "ThompsonSampling"


class MabwiserUcb(Mabwiser):
    name, policy, options = "mabwiser UCB1", "UCB1", {"alpha": 1.0}


class MabwiserSoftmax(Mabwiser):
    name, policy, options = "mabwiser Softmax", "Softmax", {"tau": 0.05}


class ObpThompson(PerSegment):
    """obp: BernoulliTS, one draw per visit."""

    name = "obp BernoulliTS"

    def make(self, n_items, seed):
        from obp.policy import BernoulliTS

        return BernoulliTS(n_actions=n_items, len_list=K, random_state=seed)

    def slates(self, policy, n, rng):
        return np.stack([policy.select_action() for _ in range(n)])

    def teach(self, policy, items, clicked):
        for item, click in zip(items.tolist(), clicked.tolist(), strict=True):
            policy.update_params(item, float(click))
        return policy


class ObpEpsilon(ObpThompson):
    """obp: EpsilonGreedy with 10%."""

    name = "obp EpsilonGreedy"

    def make(self, n_items, seed):
        from obp.policy import EpsilonGreedy

        return EpsilonGreedy(n_actions=n_items, len_list=K, epsilon=0.1, random_state=seed)


class RiverThompson(PerSegment):
    """river: pulls one arm, so five pulls, each without the arms before."""

    name = "river ThompsonSampling"

    def make(self, n_items, seed):
        from river import bandit, proba

        return bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=seed)

    def slates(self, policy, n, rng):
        arms, out = list(range(self.n_items)), []
        for _ in range(K):
            out.append(policy.pull(arms))
            arms.remove(out[-1])
        return np.array(out)

    def teach(self, policy, items, clicked):
        for item, click in zip(items.tolist(), clicked.tolist(), strict=True):
            policy.update(item, click)
        return policy


class BayesianBandits(PerSegment):
    """bayesianbandits: Thompson sampling over Dirichlet classifiers, its learner of click-like
    rewards.
    """

    name = "bayesianbandits Thompson"

    def make(self, n_items, seed):
        from bayesianbandits import Agent, Arm, DirichletClassifier, ThompsonSampling

        arms = [
            Arm(
                i,
                reward_function=lambda p: p[..., 1],
                learner=DirichletClassifier({0: 1.0, 1: 1.0}),
            )
            for i in range(n_items)
        ]
        return Agent(arms, ThompsonSampling(), random_seed=seed)

    def slates(self, agent, n, rng):
        return np.array(agent.pull(top_k=K)[0])

    def teach(self, agent, items, clicked):
        order = np.argsort(items, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(items[order])) + 1):
            agent.select_for_update(int(items[group[0]])).update(clicked[group].astype(int))
        return agent


class ContextualLinUcb:
    """contextualbandits: LinUCB with the segment as one-hot context, scores of its decision
    function.
    """

    name, model = "contextualbandits LinUCB", "LinUCB"

    def start(self, n_segments, n_items, n_places):
        import contextualbandits.online as online

        self.n_segments = n_segments
        return [getattr(online, self.model)(nchoices=n_items, random_state=1), False]

    def choose(self, state, segments, can_show, rng):
        model, fitted = state
        n_items = can_show.size
        if not fitted:
            return np.stack([rng.permutation(n_items)[:K] for _ in segments])
        scores = model.decision_function(np.eye(self.n_segments)[segments])  # (b, n_items)
        order = rng.permutation(n_items)
        return order[np.argsort(-scores[:, order], axis=1, kind="stable")[:, :K]]

    def note(self, state, shown: Shown):
        return state

    def learn(self, state, feedback: Feedback):
        context = np.repeat(np.eye(self.n_segments)[feedback.segments], K, axis=0)
        state[0].partial_fit(
            context, feedback.items.ravel(), feedback.clicked.ravel().astype(float)
        )
        return [state[0], True]


class ContextualLinTs(ContextualLinUcb):
    """contextualbandits: LinTS."""

    name, model = "contextualbandits LinTS", "LinTS"


PEERS = {
    "mabwiser_thompson": MabwiserThompson,
    "mabwiser_ucb1": MabwiserUcb,
    "mabwiser_softmax": MabwiserSoftmax,
    "obp_thompson": ObpThompson,
    "obp_epsilon": ObpEpsilon,
    "river_thompson": RiverThompson,
    "bayesianbandits_thompson": BayesianBandits,
    "contextualbandits_linucb": ContextualLinUcb,
    "contextualbandits_lints": ContextualLinTs,
}
