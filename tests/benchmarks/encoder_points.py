"""The points of the encoder's frontier: how each student is cut, trained and finished."""

from typing import Any, NamedTuple


class Point(NamedTuple):
    """`train`: keywords of `TrainConfig`; `finish`: steps that make it serve, by what stands behind the name in the table."""

    train: dict[str, Any]
    finish: dict[str, list[str | dict[str, Any]]]


FULL: list[str | dict[str, Any]] = [{"step": "quantize", "bits": 0}]

POINTS = {
    # All six layers, each with less than half of the heads and a quarter of the units: at equal size better than fewer whole layers. Reads
    # punctuation and long texts as the teacher does; behaviour weighs little.
    "A": Point(
        {
            "steps": [
                {"step": "trim_vocabulary", "minimum": 1, "drop_punctuation": False},
                {"step": "prune", "heads": 5, "units": 384},
            ],
            "updates": 2_200,
            "batch": 64,
            "learning_rate": 5e-4,
        },
        {"": ["quantize"], "float32": FULL},
    ),
    # Two of six layers with half of the heads and a quarter of the units; token vectors of a third; no punctuation, the first 128 tokens.
    "B": Point(
        {
            "steps": [
                {"step": "keep_layers", "keep": [0, 5]},
                {"step": "prune", "heads": 6, "units": 384},
                {"step": "trim_vocabulary", "minimum": 1},
                {"step": "factorize", "width": 128},
            ],
            "updates": 9_000,
            "batch": 64,
            "learning_rate": 1e-3,
            "max_tokens": 128,
            "weights": {"distill": 5.0, "relations": 1.0, "tokens": 1.0, "click": 0.05, "conversion": 0.05},
            "behaviour_every": 4,
        },
        {"": ["quantize"], "float32": FULL},
    ),
}
