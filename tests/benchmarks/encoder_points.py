"""The points of the encoder's frontier: how each student is cut, trained and finished."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from encoder.training.train_config import WEIGHTS


class Point(NamedTuple):
    """`train`: keywords of `TrainConfig` for one training after the other, each going on with the
    student of the last; none for the teacher itself.

    `finish`: steps that make it serve, by what stands behind the name in the table.
    """

    train: Sequence[dict[str, Any]]
    finish: dict[str, list[str | dict[str, Any]]]


QUANTIZE_8 = {"step": "quantize", "token_bits": 8}
FULL: list[str | dict[str, Any]] = [{"step": "quantize", "bits": 0}]

# Every token that a film's text can have: new films bring new names.
WORDS = {"step": "trim_vocabulary", "minimum": 0, "drop_punctuation": False}

# Behaviour counts for more at the end: it lifts what users choose next, and so little changes the
# teacher's neighbours.
CHOSEN_A = {**WEIGHTS, "click": 0.06, "conversion": 0.06}

# Without the losses on neighbourhoods: late in training the teacher's vectors alone brought a
# little more (docs/encoder.md).
NEARER = {name: WEIGHTS[name] for name in ("distill", "click", "conversion")}

POINTS = {
    # All layers, nothing trained: what `encoder refresh` makes by default.
    "S": Point([], {"": [WORDS, "quantize"], "8-bit tokens": [WORDS, QUANTIZE_8]}),
    # Four of six layers with less than half of the heads and a quarter of the units.
    "A": Point(
        [
            {
                "steps": [
                    WORDS,
                    {"step": "keep_layers", "keep": [0, 1, 3, 5]},
                    {"step": "prune", "heads": 5, "units": 384},
                ],
                "updates": 4_800,
                "renew_every": 2_400,
                "learning_rate": 1e-3,
            },
            {
                "updates": 1_800,
                "renew_every": 900,
                "learning_rate": 4e-4,
                "seed": 12,
                "weights": CHOSEN_A,
            },
        ],
        {"": ["quantize"], "float32": FULL},
    ),
    # Three layers with a third of the heads and a quarter of the units, which read every two tokens
    # as one; token vectors of a third.
    "B": Point(
        [
            {
                "steps": [
                    WORDS,
                    {"step": "keep_layers", "keep": [0, 2, 5]},
                    {"step": "prune", "heads": 4, "units": 384},
                    {"step": "factorize", "width": 128},
                    {"step": "merge", "before": 0},
                ],
                "updates": 14_000,
                "renew_every": 7_000,
                "learning_rate": 1e-3,
            },
            {
                "updates": 9_000,
                "renew_every": 2_600,
                "learning_rate": 8e-4,
                "seed": 10,
                "weights": NEARER,
            },
            {
                "updates": 1_000,
                "learning_rate": 3e-4,
                "seed": 13,
                "token_bits": 4,
                "weights": {**NEARER, "click": 0.1, "conversion": 0.1},
            },
        ],
        {"": ["quantize"], "float32": FULL},
    ),
}
