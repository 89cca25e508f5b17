"""The points of the encoder's frontier: how each student is cut, trained and finished."""

from typing import Any, NamedTuple


class Point(NamedTuple):
    """`train`: keywords of `TrainConfig`; `finish`: steps that make it serve, by what stands behind the name in the table."""

    train: dict[str, Any]
    finish: dict[str, list[str | dict[str, Any]]]


FULL: list[str | dict[str, Any]] = [{"step": "quantize", "bits": 0}]

# Tokens of a single text were hardly trained: spelt in pieces they do no worse, and 2,000 rows are saved.
RARE: dict[str, Any] = {"step": "trim_vocabulary", "minimum": 2}

# The teacher's word first: behaviour with more weight moved the vectors away from it and gained nothing on later likes.
WEIGHTS = {"distill": 5.0, "relations": 1.0, "tokens": 0.5, "click": 0.02, "conversion": 0.02}

POINTS = {
    # Four of six layers, with two thirds of their units.
    "A": Point(
        {
            "steps": [
                {"step": "keep_layers", "keep": [0, 1, 3, 5]},
                {"step": "prune", "heads": 12, "units": 1024},
                {"step": "trim_vocabulary", "minimum": 1},
            ],
            "updates": 2_000,
            "batch": 64,
            "behaviour_every": 8,
            "weights": WEIGHTS,
            "learning_rate": 3e-4,
        },
        {"": [RARE, "quantize"], "float32": [RARE, *FULL]},
    ),
    # Three of six layers with half of the heads and a quarter of the units; token vectors of less than a third.
    "B": Point(
        {
            "steps": [
                {"step": "keep_layers", "keep": [0, 2, 5]},
                {"step": "prune", "heads": 6, "units": 384},
                {"step": "trim_vocabulary", "minimum": 1},
                {"step": "factorize", "width": 112},
            ],
            "updates": 3_000,
            "batch": 64,
            "behaviour_every": 8,
            "weights": WEIGHTS,
            "learning_rate": 8e-4,
        },
        {"": ["quantize"], "float32": FULL},
    ),
}
