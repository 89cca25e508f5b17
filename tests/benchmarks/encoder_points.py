"""The points of the encoder's frontier: how each student is cut, trained and finished."""

from typing import Any, NamedTuple


class Point(NamedTuple):
    """`train`: keywords of `TrainConfig`; `finish`: steps that make it serve, by what stands behind the name in the table."""

    train: dict[str, Any]
    finish: dict[str, list[str | dict[str, Any]]]


FULL: list[str | dict[str, Any]] = [{"step": "quantize", "bits": 0}]

# Behaviour weighs little: items that users chose one after the other come nearer, and the teacher's neighbours hardly move.
WEIGHTS = {"distill": 5.0, "relations": 1.0, "tokens": 0.5, "click": 0.02, "conversion": 0.02}
SHARED: dict[str, Any] = {"weights": WEIGHTS, "behaviour_every": 8, "batch": 64, "max_tokens": 256}

POINTS = {
    # All six layers, each with less than half of the heads and a quarter of the units: at equal size better than fewer whole layers. Reads
    # punctuation as the teacher does.
    "A": Point(
        {
            "steps": [
                {"step": "trim_vocabulary", "minimum": 1, "drop_punctuation": False},
                {"step": "prune", "heads": 5, "units": 384},
            ],
            "updates": 2_200,
            "learning_rate": 5e-4,
            **SHARED,
        },
        {"": ["quantize"], "float32": FULL},
    ),
    # Four of six layers with a third of the heads and a sixth of the units; token vectors of a third; no punctuation.
    "B": Point(
        {
            "steps": [
                {"step": "trim_vocabulary", "minimum": 2},
                {"step": "keep_layers", "keep": [0, 1, 3, 5]},
                {"step": "prune", "heads": 4, "units": 256},
                {"step": "factorize", "width": 128},
            ],
            "updates": 5_300,
            "learning_rate": 8e-4,
            **SHARED,
        },
        {"": ["quantize"], "float32": FULL},
    ),
}
