"""What a refresh does, as a TOML file: every key is known, checked and named in the error.

    teacher = "packaged"            # or a directory, or a Hugging Face name
    prompt = "passage: "            # in front of every text; default: what the teacher's files say
    method = "compress"             # the teacher itself, made small without training; or
                                    # "train", or "quick" (encoder.training.closed_form)
    catalogue = "auto"              # who makes the catalogue's vectors: "teacher", "student", or
                                    # whose mixture the gate's figures prefer
    clicks = "auto"                 # clicks have a part in the vectors where the gate's figures
                                    # prefer it; or "off"
    recall = false                  # measure the teacher's neighbours even if `catalogue` does not
                                    # need the teacher

    [train]                         # encoder.training.train_config.TrainConfig
    updates = 4000                  # of these "compress" reads max_tokens
    [quick]                         # options of encoder.training.closed_form.quick
    dim = 64
    [[compress]]                    # steps of encoder.compress, in order
    step = "quantize"
    [split]                         # encoder.corpus.corpus.Split
    held_out_share = 0.15
    [gate.minimum]                  # lowest value per metric
    "recall@10" = 0.6
    [gate.drop]                     # largest loss per metric, as a share of the live release's
    "ndcg@10" = 0.1

What is left out has its default; `encoder.training.train`, `encoder.training.closed_form` and
`encoder.compress` say which options they have.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from encoder.corpus.corpus import Split
from encoder.release.blending import Clicks
from encoder.release.catalogue import Choice
from encoder.serving.wire import Thresholds

PACKAGED = "packaged"
# of the texts' letters every token that a new item could have; 8 bits for the network, 4 for tokens
COMPRESS: list[str | dict[str, Any]] = [
    {"step": "trim_vocabulary", "minimum": 0, "drop_punctuation": False},
    "quantize",
]
# What `--budget` stands for: the plan's `method`, and fields of [train] which the plan leaves out;
# chosen for two cores and 20,000 items by what an update and the labels cost (docs/encoder.md).
BUDGETS: dict[str, tuple[Literal["compress", "train"], dict[str, Any]]] = {
    "10m": ("compress", {}),
    "1h": ("train", {"augmented": 0.5, "updates": 1_500, "learning_rate": 1e-3}),
    "8h": ("train", {"augmented": 3.0, "updates": 20_000, "learning_rate": 1e-3}),
}

# Two unlike encoders on the likes of 259 film viewers: NDCG@10 0.053 and 0.024, their difference
# with a standard error of 0.006, a tenth of the better one (cold items: 0.059, 0.033, 0.008).
# Recall@10 on thousands of items varies by less than 1%, but a student of a twentieth of the size
# that takes the place of a compressed teacher loses a third of it, as its user wants. Tighter
# bounds hold good releases back; a catalogue with many more users can afford them.
GATE = Thresholds(drop={"ndcg@10": 0.1, "ndcg_cold@10": 0.2, "recall@10": 0.4})


class PlanError(ValueError):
    """A plan that cannot be followed: what was expected, what was found, what to do."""


class SplitPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is held out; see `encoder.corpus.corpus.Split`."""

    held_out_share: float = Split().held_out_share
    test_share: float = Split().test_share
    salt: str = Split().salt


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the module's docstring."""

    teacher: str = PACKAGED
    prompt: str | None = None
    method: Literal["compress", "train", "quick"] = "compress"
    catalogue: Choice = "auto"
    clicks: Clicks = "auto"
    recall: bool = False
    train: dict[str, Any] = {}
    quick: dict[str, Any] = {}
    compress: list[str | dict[str, Any]] = msgspec.field(default_factory=lambda: list(COMPRESS))
    split: SplitPlan = SplitPlan()
    gate: Thresholds = GATE


def load_plan(path: Path | None) -> Plan:
    """Read a plan; without a file, the default one.

    Raises
    ------
    PlanError
        It cannot be read, or has a key or value that nobody knows.

    """
    if path is None:
        return Plan()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), Plan)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        msg = f"{path}: expected a plan as docs/releases.md describes, found {error}"
        raise PlanError(msg) from error


def within(plan: Plan, budget: str) -> Plan:
    """The plan for a budget of `BUDGETS`; what the plan says of [train] stays."""
    method, fields = BUDGETS[budget]
    return msgspec.structs.replace(plan, method=method, train=fields | plan.train)


def teacher_path(plan: Plan) -> str:
    """Directory or name of the plan's teacher.

    Raises
    ------
    PlanError
        The packaged one is asked for and not installed.

    """
    if plan.teacher != PACKAGED:
        return plan.teacher
    from encoder.corpus.teacher import packaged_teacher  # needs torch

    try:
        return str(packaged_teacher())
    except FileNotFoundError as error:
        raise PlanError(str(error)) from error
