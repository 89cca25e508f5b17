"""Which texts a training step sees: batches of like length over all texts, and pairs of items from
behaviour.

    step u of seed s:   rows = batch (u mod B) of the shuffle of epoch (u div B),   rng =
    Generator(s, epoch or step)

Everything follows from the seed and the number of the step, so that training goes on after an
interruption as if there had been none, without a generator's state on disk.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import Events

IntArray = NDArray[np.int64]
# Batches sorted together: within a window of some thousands texts have like length, and it still is
# a random choice.
WINDOW = 20
RECENT = 10  # clicks of a user that count as what came before
PASSES = 1_000_003  # keeps the generators of steps apart from those of epochs


class Chosen(NamedTuple):
    """Pairs of corpus rows: `before`, `after` (m,), and `log_q` (m,) log share of `after` among the
    events.
    """

    before: IntArray
    after: IntArray
    log_q: NDArray[np.float32]


class Epochs:
    """Batches of rows of like length, each row once in an epoch.

    Parameters
    ----------
    lengths
        (n,) tokens of each text.
    size
        texts in a batch; the last ones of an epoch that fill no batch are left out of it.
    seed
        decides the shuffles.

    """

    def __init__(self, lengths: IntArray, size: int, seed: int) -> None:
        self._lengths = lengths
        self._size = min(size, len(lengths))
        self._seed = seed
        self._epoch, self._batches = -1, list[IntArray]()
        self.per_epoch = len(lengths) // self._size

    def rows(self, update: int) -> IntArray:
        """Rows of the batch of this update, (size,)."""
        epoch, place = divmod(update, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._shuffled(epoch)
        return self._batches[place]

    def _shuffled(self, epoch: int) -> list[IntArray]:
        rng = np.random.default_rng([self._seed, epoch])
        mixed = rng.permutation(len(self._lengths))
        window = WINDOW * self._size
        batches = []
        for start in range(0, self.per_epoch * self._size, window):
            part = mixed[start : min(start + window, self.per_epoch * self._size)]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches += [part[at : at + self._size] for at in range(0, len(part), self._size)]
        return [batches[at] for at in rng.permutation(len(batches))]


class Behaviour:
    """Pairs of items that one user chose one after the other.

    Parameters
    ----------
    events
        of one kind, in the order of time.
    n_items
        items of the corpus.
    seed
        decides which pairs a step sees.

    """

    def __init__(self, events: Events, n_items: int, seed: int) -> None:
        order = np.lexsort((events.times_s, events.users))
        self._items = events.items[order]
        users = events.users[order]
        first = np.r_[True, users[1:] != users[:-1]] if len(users) else np.zeros(0, bool)
        place = np.arange(len(users))
        # first event of the same user
        begin = np.maximum.accumulate(np.where(first, place, 0)) if len(users) else place
        # (n,) the oldest event that counts as before
        self._earliest = np.maximum(begin, place - RECENT)
        self._later = np.flatnonzero(~first)  # events with something before them
        share = np.bincount(self._items, minlength=n_items) / max(1, len(self._items))
        self._log_q = np.log(np.maximum(share, 1e-9)).astype(np.float32)  # (n_items,)
        self._seed = seed

    def __len__(self) -> int:
        return len(self._later)

    def pairs(self, update: int, size: int) -> Chosen:
        """Up to `size` pairs for this update; none where nobody chose two things."""
        rng = np.random.default_rng([self._seed, PASSES, update])
        if not len(self._later):
            nothing = np.zeros(0, np.int64)
            return Chosen(nothing, nothing, nothing.astype(np.float32))
        after = rng.choice(self._later, size)
        before = rng.integers(self._earliest[after], after)
        chosen = Chosen(self._items[before], self._items[after], self._log_q[self._items[after]])
        different = chosen.before != chosen.after
        return Chosen(*(column[different] for column in chosen))
