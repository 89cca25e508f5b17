"""The peers of the context benchmark, each by its own classes; imported only by a Python that has
them.

All see every field of the request, as one-hot numbers or as names, or (`told`) the two that matter
only. Every impression is a pull with the click as reward; slates are the best five of a peer's own
scores, or five draws without replacement from its probabilities.
"""

from __future__ import annotations

import numpy as np

from tests.benchmarks.context_run import MATTER, SIZES

EVERY = tuple(range(len(SIZES)))
COVER = 4  # policies of VW's cover


class OneHot:
    """Contexts as one-hot rows; subclasses score all items for a batch."""

    def __init__(self, fields: tuple[int, ...] = EVERY) -> None:
        self.fields = fields

    def start(self, codes, n_items, k):
        self.n_items, self.k, self.fitted = n_items, k, False
        self.model = self.make(n_items)

    def hot(self, codes):
        """(n, values of all fields) float64."""
        return np.concatenate([np.eye(SIZES[f])[codes[:, f]] for f in self.fields], axis=1)

    def choose(self, codes, rng):
        if not self.fitted:
            return np.stack([rng.permutation(self.n_items)[: self.k] for _ in codes])
        # (n, n_items); equal scores in random order
        score = self.scores(self.hot(codes)) + 1e-9 * rng.random((len(codes), self.n_items))
        return np.argsort(-score, axis=1)[:, : self.k]

    def learn(self, codes, items, clicked):
        x = np.repeat(self.hot(codes), self.k, axis=0)
        self.teach(x, items.ravel(), clicked.ravel().astype(float))
        self.fitted = True


class ContextualBandits(OneHot):
    """contextualbandits: LinUCB or LinTS."""

    model_name = "LinUCB"

    def make(self, n_items):
        import contextualbandits.online as online

        return getattr(online, self.model_name)(nchoices=n_items, random_state=1, njobs=1)

    def scores(self, x):
        return self.model.decision_function(x)

    def teach(self, x, items, clicked):
        self.model.partial_fit(x, items, clicked)


class ContextualBanditsTs(ContextualBandits):
    """contextualbandits: LinTS."""

    model_name = "LinTS"


class Mabwiser(OneHot):
    """mabwiser: LinUCB or LinTS."""

    policy = "LinUCB"

    def make(self, n_items):
        from mabwiser.mab import MAB, LearningPolicy

        return MAB(list(range(n_items)), getattr(LearningPolicy, self.policy)(), seed=1)

    def scores(self, x):
        found = self.model.predict_expectations(x)
        return np.array([[each[item] for item in range(self.n_items)] for each in found])

    def teach(self, x, items, clicked):
        (self.model.partial_fit if self.fitted else self.model.fit)(items, clicked, x)


class MabwiserTs(Mabwiser):
    """mabwiser: LinTS."""

    policy = "LinTS"


class VowpalWabbit:
    """VW with action-dependent features: the item, and the item with every value of the request.

    It learns the cost of the items shown, each as an example of its own: the other thousand lines
    of the request would change nothing but the time (`--cb_type mtr` learns from the chosen one).
    """

    exploration = "--squarecb"

    def __init__(self, fields: tuple[int, ...] = EVERY) -> None:
        self.fields = fields

    def start(self, codes, n_items, k):
        from vowpalwabbit import Workspace

        self.n_items, self.k = n_items, k
        self.items = [f"|a i{item}" for item in range(n_items)]
        self.vw = Workspace(
            f"--cb_explore_adf {self.exploration} --cb_type mtr -q xa --ignore_linear x --quiet "
            "-b 20 --random_seed 1"
        )

    def context(self, row):
        return "shared |x " + " ".join(f"f{f}v{row[f]}" for f in self.fields)

    def choose(self, codes, rng):
        out = np.empty((len(codes), self.k), dtype=np.int64)
        for at, row in enumerate(codes):
            chance = np.array(self.vw.predict([self.context(row), *self.items]))
            # Gumbel's trick: draws without replacement
            key = np.log(np.maximum(chance, 1e-12)) + rng.gumbel(size=self.n_items)
            out[at] = np.argsort(-key)[: self.k]
        return out

    def learn(self, codes, items, clicked):
        for row, own, hits in zip(codes, items, clicked, strict=True):
            context = self.context(row)
            for item, hit in zip(own, hits, strict=True):
                self.vw.learn([context, f"0:{-float(hit)}:1.0 {self.items[item]}"])


class VowpalWabbitCover(VowpalWabbit):
    """VW with a cover of policies."""

    exploration = f"--cover {COVER}"


class Combinations:
    """Thompson sampling with Beta(1, 1) for every combination of values and item, in textbook form;
    no fields: one for all.
    """

    def __init__(self, fields: tuple[int, ...] = EVERY) -> None:
        self.fields = list(fields)

    def start(self, codes, n_items, k):
        self.k, self.n_items = k, n_items
        self.counts: dict[tuple[int, ...], np.ndarray] = {}

    def choose(self, codes, rng):
        out = np.empty((len(codes), self.k), dtype=np.int64)
        none = np.zeros((2, self.n_items))
        for at, row in enumerate(codes[:, self.fields].tolist()):
            clicks, others = self.counts.get(tuple(row), none)
            score = rng.beta(1 + clicks, 1 + others)
            top = np.argpartition(-score, self.k)[: self.k]
            out[at] = top[np.argsort(-score[top])]
        return out

    def learn(self, codes, items, clicked):
        for row, own, hits in zip(codes[:, self.fields].tolist(), items, clicked, strict=True):
            kept = self.counts.setdefault(tuple(row), np.zeros((2, self.n_items)))
            kept[0, own] += hits
            kept[1, own] += ~hits


PEERS = {
    "Thompson, one global": lambda: Combinations(()),
    "Thompson, all combinations": Combinations,
    "Thompson, told": lambda: Combinations(MATTER),
    "contextualbandits LinUCB": ContextualBandits,
    "contextualbandits LinTS": ContextualBanditsTs,
    "contextualbandits LinUCB, told": lambda: ContextualBandits(MATTER),
    "contextualbandits LinTS, told": lambda: ContextualBanditsTs(MATTER),
    "mabwiser LinUCB": Mabwiser,
    "mabwiser LinTS": MabwiserTs,
    "mabwiser LinUCB, told": lambda: Mabwiser(MATTER),
    "mabwiser LinTS, told": lambda: MabwiserTs(MATTER),
    "VW squarecb": VowpalWabbit,
    "VW cover": VowpalWabbitCover,
    "VW squarecb, told": lambda: VowpalWabbit(MATTER),
    "VW cover, told": lambda: VowpalWabbitCover(MATTER),
}
