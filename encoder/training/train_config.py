"""What a training is told: its configuration, and how much each loss weighs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

# Found on films: the parts are of like size at the end of training, and behaviour weighs little
# beside the teacher.
WEIGHTS = {
    "distill": 5.0,
    "relations": 1.0,
    "neighbours": 2.0,
    "tokens": 0.5,
    "click": 0.02,
    "conversion": 0.02,
}


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to train.

    Attributes
    ----------
    teacher
        directory or name of a Hugging Face encoder; empty for the packaged one.
    prompt
        in front of every text, for teacher and student; None takes the teacher's own prompt for
        documents, where it has one.
    start
        a `transformer` artifact to train on from; empty starts from the teacher and `steps`.
    steps
        what makes a student of the teacher, as tables of `encoder.compress`.
    dim
        of the vectors; a student of more dimensions is projected to the directions in which the
        teacher's vectors differ most.
    max_tokens
        longest input of the student.
    weights
        of the losses; `click`, `conversion` and `uniformity` are alpha, beta and gamma.
    updates
        optimiser steps; more is better up to some tens of passes over the texts.
    batch
        texts in a batch of labels; pairs of behaviour are half as many, so that each has as many
        texts.
    behaviour_every
        every how many updates a batch is one of behaviour. Larger follows the teacher more closely.
    augmented
        made-up texts for every training text.
    renew_every
        updates after which texts are made up anew, and read by the teacher, which takes its time;
        0: never.
    token_bits
        4 for a student that will be served with token vectors of 4 bits: it learns with them so
        (`encoder.training.quantisation_aware`). 0: as they are.
    learning_rate
        at its height, after the first updates; it falls to zero in a straight line.
    seed
        decides the made-up texts, the shuffles and the pairs.
    half
        bfloat16 where it is faster and does no harm.
    device
        of teacher and student: `cpu`, `cuda`, or `auto`.
    threads
        of PyTorch; 0 leaves them as they are.
    save_every_s
        seconds between checkpoints, at least.

    """

    teacher: str = ""
    prompt: str | None = None
    start: str = ""
    steps: Sequence[str | Mapping[str, Any]] = (
        {"step": "trim_vocabulary", "minimum": 0, "drop_punctuation": False},
        {"step": "prune", "heads": 5, "units": 384},
    )
    dim: int = 256
    max_tokens: int = 256
    weights: Mapping[str, float] = msgspec.field(default_factory=lambda: dict(WEIGHTS))
    updates: int = 4_000
    batch: int = 64
    behaviour_every: int = 8
    augmented: float = 3.0
    renew_every: Annotated[int, msgspec.Meta(ge=0)] = 0
    token_bits: int = 0
    learning_rate: float = 5e-4
    seed: int = 0
    half: bool = True
    device: str = "auto"
    threads: int = 0
    save_every_s: float = 60.0
