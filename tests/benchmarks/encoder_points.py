"""The points of the encoder's frontier: how each student is cut, trained and finished."""

from typing import Any, NamedTuple


class Point(NamedTuple):
    """`train`: keywords of `TrainConfig`; `finish`: steps that make it serve, by what stands behind the name in the table."""

    train: dict[str, Any]
    finish: dict[str, list[str | dict[str, Any]]]


FULL: list[str | dict[str, Any]] = [{"step": "quantize", "bits": 0}]

# Tokens of a single text were hardly trained: spelt in pieces they do no worse, and 2,000 rows are saved.
RARE: dict[str, Any] = {"step": "trim_vocabulary", "minimum": 2}

POINTS = {
    # Three of six layers at full width.
    "A": Point(
        {
            "steps": [
                {"step": "keep_layers", "keep": [0, 2, 5]},
                {"step": "trim_vocabulary", "minimum": 1},
            ],
            "updates": 7_000,
            "batch": 64,
            "learning_rate": 6e-4,
        },
        {"": [RARE, "quantize"], "float32": [RARE, *FULL]},
    ),
    # Two of six layers with half of the heads and a quarter of the units; token vectors of a third.
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
        },
        {"": ["quantize"], "float32": FULL},
    ),
}
