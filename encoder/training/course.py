"""What a student is given update by update: the batch, the teacher's word on it, and the losses.

Texts are the training texts of the corpus, in the order of `training_rows`, followed by made-up
ones. Every `behaviour_every` updates the batch is made of pairs of items from behaviour, clicks and
conversions by turns; the teacher's labels of these items are used all the same, so no reading is
wasted.

Labels of single tokens need the same tokens on both sides. A student that drops punctuation reads a
part of the teacher's tokens; where its tokens are that part, word for word, the states count, and
elsewhere (a word whose token was trimmed away) only the vector of the text does.
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from encoder.compress.losses import Batch, Pairs, total
from encoder.compress.student import Model, Stream
from encoder.corpus.batches import Behaviour, Chosen, Epochs
from encoder.corpus.corpus import CLICK, CONVERSION, Corpus
from encoder.corpus.teacher import Teacher, padded
from encoder.corpus.teacher_cache import Labels
from encoder.training.train_config import TrainConfig

IntArray = NDArray[np.int64]
VARIANCE_SAMPLE = 20_000  # tokens


class Course:
    """All that training reads; see the module's docstring.

    Parameters
    ----------
    model
        the student, on the device where it learns.
    corpus
        for behaviour.
    texts
        training texts, then made-up ones.
    teacher
        for the names of its tokens.
    labels
        of `texts`.
    targets
        (n, dim) unit vectors for the student to reach.
    config
        see `encoder.training.train_config.TrainConfig`.

    """

    def __init__(
        self,
        model: Model,
        corpus: Corpus,
        texts: Sequence[str],
        teacher: Teacher,
        labels: Labels,
        targets: Tensor,
        config: TrainConfig,
    ) -> None:
        self._config = config
        self._labels, self._targets = labels, targets
        self._read = [
            np.array(e.ids, np.int64) for e in model.tokenizer.encode_batch_fast(list(texts))
        ]
        self._span = model.student.shape.span
        self._aligned = _aligned(model, teacher, self._read, labels)
        sample = np.array(labels.states[:VARIANCE_SAMPLE], np.float32)
        self._variance = float(sample.var(0).mean())
        self._epochs = Epochs(np.array([len(ids) for ids in self._read]), config.batch, config.seed)
        rows = corpus.training_rows()
        self._real = len(rows)  # texts, those that are made up stand behind them
        self._bank = targets[: len(rows)].to(model.student.positions.device)
        # Another item's copy of a text has the same place as the text.
        place = {corpus.texts[row]: at for at, row in enumerate(rows)}
        # (n_items,) place in `texts`, -1 if held out
        self._place = np.array([place.get(text, -1) for text in corpus.texts])
        events = corpus.training_events()
        self._behaviour = [
            ("click", Behaviour(events.where(events.kinds == CLICK), len(corpus), config.seed)),
            (
                "conversion",
                Behaviour(events.where(events.kinds == CONVERSION), len(corpus), config.seed + 1),
            ),
        ]
        self._behaviour = [
            (kind, pairs)
            for kind, pairs in self._behaviour
            if len(pairs) and config.weights.get(kind)
        ]

    @property
    def fingerprint(self) -> str:
        """A word that changes with the texts and the labels."""
        digest = hashlib.sha256(self._labels.vectors.tobytes())
        for ids in self._read:
            digest.update(ids.tobytes())
        return digest.hexdigest()

    @property
    def updates_per_epoch(self) -> int:
        """Batches of texts that make one pass."""
        return self._epochs.per_epoch

    def losses(
        self, model: Model, update: int, device: torch.device, *, half: bool = False
    ) -> tuple[Tensor, dict[str, float]]:
        """The weighted loss of one update, and its parts; `half`: the network in bfloat16."""
        pairs: dict[str, Pairs] = {}
        turn, rest = divmod(update, self._config.behaviour_every)
        if self._behaviour and rest == self._config.behaviour_every - 1:
            kind, behaviour = self._behaviour[turn % len(self._behaviour)]
            rows, pairs[f"{kind}s"] = self._pairs(
                behaviour.pairs(update, self._config.batch // 2), device
            )
        else:
            rows = self._epochs.rows(update)
        ids, mask = padded([self._read[row] for row in rows])
        ids, mask = ids.to(device), mask.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            output = model.student(ids, mask)
        states = state_targets = bank = own = None
        if self._config.weights.get("tokens"):
            states, state_targets = self._states(rows, output.states, mask)
        if self._config.weights.get("neighbours"):
            bank = self._bank
            own = torch.from_numpy(np.where(rows < self._real, rows, -1)).to(device)
        batch = Batch(
            functional.normalize(output.vectors.float(), dim=1),
            self._targets[torch.from_numpy(rows)].to(device),
            states,
            state_targets,
            self._variance,
            **pairs,
            bank=bank,
            own=own,
        )
        return total(batch, dict(self._config.weights))

    def _pairs(self, chosen: Chosen, device: torch.device) -> tuple[IntArray, Pairs]:
        """Rows to read, each item once, and the pairs as places among them."""
        places = self._place[np.concatenate([chosen.before, chosen.after])]  # (2 m,)
        rows, at = np.unique(places, return_inverse=True)
        before, after = (
            torch.from_numpy(at[: len(chosen.before)]),
            torch.from_numpy(at[len(chosen.before) :]),
        )
        return rows, Pairs(
            before.to(device),
            after.to(device),
            torch.from_numpy(chosen.log_q).to(device),
            after.to(device),
        )

    def _states(
        self, rows: IntArray, states: Tensor, mask: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """States of the student and of the teacher, (t, hidden), over the texts of this batch that
        are aligned.

        Where the student has merged tokens the teacher's part is the mean of the same tokens.
        """
        if states.shape[2] != self._labels.states.shape[1]:
            return None, None  # a student of another width has no states to compare
        found = [
            (at, where)
            for at, row in enumerate(rows)
            if (where := self._aligned(int(row))) is not None
        ]
        if not found:
            return None, None
        chosen = torch.tensor([at for at, _ in found])
        taught = torch.zeros(len(found), mask.shape[1], states.shape[2])
        for at, (_, where) in enumerate(found):
            taught[at, : len(where)] = torch.from_numpy(self._labels.states[where]).float()
        goal, weight = Stream(taught.to(states.device), mask[chosen].float()).merged(self._span)
        return states[chosen][weight > 0], goal[weight > 0]


def _aligned(
    model: Model, teacher: Teacher, read: Sequence[IntArray], labels: Labels
) -> Callable[[int], IntArray | None]:
    """A function from a text to the rows of its states, one for each of the student's tokens; None
    if they do not match.
    """
    names = {token: number for token, number in model.tokenizer.get_vocab().items()}
    # (teacher's vocabulary,) the student's number of each token of the teacher, -1 if it has none
    number_of = np.full(int(labels.tokens.max()) + 1, -1, np.int64)
    for token, number in teacher.tokenizer.get_vocab().items():
        if number < len(number_of):
            number_of[number] = names.get(token, -1)

    def where(row: int) -> IntArray | None:
        start, end = labels.starts[row], labels.starts[row + 1]
        numbers = number_of[labels.tokens[start:end]]
        kept = np.flatnonzero(numbers >= 0)
        same = len(kept) == len(read[row]) and bool((numbers[kept] == read[row]).all())
        return start + kept if same else None

    return where
