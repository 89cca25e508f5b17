"""Training: a small student learns from a large teacher, and from what users did.

    1. take the teacher over as a student and cut it down by the configured steps;
    2. let the teacher label all training texts and some made-up ones (kept on disk, shared by
       students), now and then new ones;
    3. find the student's coordinates for the teacher's vectors (`encoder.training.alignment`);
    4. for each update: a batch of texts, every few updates one of behaviour pairs; step on the
       weighted losses;
    5. write the artifact.

Interrupted training goes on at the last checkpoint and ends with the weights that it would
have had anyway, bit for bit on one thread. Nothing of a held-out item is read: neither text nor
event.
"""

import functools
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch

from encoder.compress import NETWORK_STEPS, parse
from encoder.compress.student import Model, load_model, save_model
from encoder.corpus.augment import augment, strange
from encoder.corpus.corpus import Corpus
from encoder.corpus.teacher import Teacher, load_teacher, packaged_teacher
from encoder.corpus.teacher_cache import Labels, label
from encoder.serving.artifact import Artifact, ArtifactError, Card, load
from encoder.training.alignment import aim, targets
from encoder.training.checkpoint import LOG, Checkpoint
from encoder.training.course import Course
from encoder.training.device import chosen_device, half_pays
from encoder.training.initialise import adopt, is_taken_over
from encoder.training.quantisation_aware import rounded
from encoder.training.train_config import TrainConfig

Report = Callable[[str, int, int], None]  # what is done, so far, of how much


# of the updates; Adam's averages need some steps before they can be trusted with full ones
WARM_UP = 0.03
LARGEST_STEP = 1.0  # of the gradient's norm
AVERAGED = 100  # updates that a reported loss is the mean of


def train(
    corpus: Corpus,
    config: TrainConfig,
    out: Path,
    *,
    labels: Path | None = None,
    report: Report = lambda what, done, all_of: None,
) -> Artifact:
    """Train a student on a corpus.

    Parameters
    ----------
    corpus
        items, events and their split.
    config
        see `TrainConfig`.
    out
        folder of the artifact. Beside it, in `.NAME.training`, lie the checkpoint and the
        TensorBoard log until it is done.
    labels
        where the teacher's labels are kept; default: beside `out`, in `labels`.
    report
        called with what is being done, how much is done, and of how much.

    Returns
    -------
    A `transformer` artifact; its card has the configuration, the last losses and the seconds.

    Raises
    ------
    ValueError
        a configuration that does not fit, or a corpus with no training text.

    """
    if config.threads:
        torch.set_num_threads(config.threads)
    device = chosen_device(config.device)
    half = config.half and (device.type != "cpu" or half_pays())
    began = time.perf_counter()
    texts = [corpus.texts[row] for row in corpus.training_rows()]
    if not texts:
        msg = f"expected texts to train on, found {len(corpus)} items that are all held out"
        raise ValueError(msg)
    teacher = load_teacher(config.teacher or packaged_teacher(), config.prompt)
    model = first_student(teacher, texts, config, report)  # 1
    teacher.model.to(device)

    def said(read: Sequence[str], known: Labels | None = None) -> Labels:  # 2
        where = labels or out.parent / "labels"
        return label(
            teacher,
            read,
            where,
            half=half,
            known=known,
            progress=lambda done, of: report("teacher's labels", done, of),
        )

    own = said(texts)

    def labelled(number: int) -> tuple[list[str], Labels]:
        rng = np.random.default_rng(config.seed + number)
        made = augment(texts, round(config.augmented * len(texts)), rng, strange(teacher.tokenizer))
        return [*texts, *made], said([*texts, *made], own) if made else own

    model, axes = aim(model, torch.from_numpy(own.vectors), texts, config.dim)  # 3

    @functools.lru_cache(maxsize=1)
    def course(number: int) -> Course:
        read, taught = labelled(number)
        return Course(
            model,
            corpus,
            read,
            teacher,
            taught,
            targets(torch.from_numpy(taught.vectors), axes),
            config,
        )

    with rounded(model.student, config.token_bits):
        losses = _learn(course, model, config, out, device, half, report)  # 4
    name = Path(teacher.name).name if Path(teacher.name).is_dir() else teacher.name
    step = {
        "step": "train",
        "seconds": round(time.perf_counter() - began, 1),
        **msgspec.to_builtins(config),
    }
    card = Card(
        metrics={f"loss_{part}": value for part, value in losses.items()},
        steps=[step],
        teacher=name,
    )
    artifact = save_model(model._replace(student=model.student.cpu().eval()), out, card)  # 5
    Checkpoint(out).remove()
    return artifact


def whole_teacher(config: TrainConfig, out: Path) -> Artifact:
    """The teacher as an artifact, nothing cut and nothing trained.

    Raises
    ------
    ArtifactError
        a teacher whose network is of another kind: its layers would need training.

    """
    teacher = load_teacher(config.teacher or packaged_teacher(), config.prompt)
    if not is_taken_over(teacher):
        msg = (
            f"{teacher.name}: expected a network that can be taken over whole, found "
            f'{teacher.model.config.model_type}; use method = "train" or "quick"'
        )
        raise ArtifactError(msg)
    model = adopt(teacher, config.max_tokens)
    return save_model(model, out, Card(teacher=Path(teacher.name).name))


def first_student(
    teacher: Teacher, texts: Sequence[str], config: TrainConfig, report: Report
) -> Model:
    """The student before training: the artifact to go on from, or the teacher cut down by the
    configured steps.
    """
    if config.start:
        return load_model(load(Path(config.start)))
    if not is_taken_over(teacher):
        network = teacher.model.config.model_type
        report(f"student: takes over the tokens of {network}, its layers start anew", 1, 1)
    model = adopt(teacher, config.max_tokens)
    for number, (name, options) in enumerate(map(parse, config.steps)):
        report(f"student: {name}", number, len(config.steps))
        if name not in NETWORK_STEPS:
            msg = (
                f"expected steps before training among {', '.join(NETWORK_STEPS)}, found {name}; "
                "give it to compress afterwards"
            )
            raise ValueError(msg)
        model = NETWORK_STEPS[name](model, texts, **options)
        report(f"student: {name}", number + 1, len(config.steps))
    return model


def _learn(
    course: Callable[[int], Course],
    model: Model,
    config: TrainConfig,
    out: Path,
    device: torch.device,
    half: bool,
    report: Report,
) -> dict[str, float]:
    """Step 4 of the module's docstring; the losses of the last updates on average."""
    # pulls in much, and only training writes a log
    from torch.utils.tensorboard import SummaryWriter

    student = model.student.to(device).train()
    optimiser = torch.optim.AdamW(
        student.parameters(),
        lr=config.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.01,
        fused=True,
    )
    checkpoint, key = Checkpoint(out), _key(config, course(0))
    done = 0
    if (saved := checkpoint.load(key)) is not None:
        student.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        done = int(saved["updates"])
    recent: list[dict[str, float]] = []
    saved_s = time.monotonic()
    with SummaryWriter(str(checkpoint.folder / LOG), purge_step=done) as log:
        for update in range(done, config.updates):
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * _share(update / config.updates)
            now = course(update // config.renew_every if config.renew_every else 0)
            loss, parts = now.losses(model, update, device, half=half)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), LARGEST_STEP)
            optimiser.step()
            recent = [*recent[1 - AVERAGED :], parts]
            report("training", update + 1, config.updates)
            due = time.monotonic() - saved_s >= config.save_every_s
            if due and update + 1 < config.updates:
                saved_s = time.monotonic()
                checkpoint.save(key, update + 1, student.state_dict(), optimiser.state_dict())
                for name, value in _means(recent).items():
                    log.add_scalar(f"loss/{name}", value, update + 1)
    return _means(recent)


def _share(done: float) -> float:
    """Learning rate as a share of its height: up in a straight line, then down to zero."""
    return min(1.0, done / WARM_UP) * (1.0 - done)


def _means(recent: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each loss over the updates that had it."""
    names = sorted({name for parts in recent for name in parts})
    return {
        name: float(np.mean([parts[name] for parts in recent if name in parts])) for name in names
    }


def _key(config: TrainConfig, course: Course) -> str:
    """Which training a checkpoint belongs to: everything that decides the weights, but for how long
    it is to go on.

    So a training can be cut short or made longer while it runs; its weights are then not those of
    one that was planned so.
    """
    decides = msgspec.structs.replace(config, updates=0, save_every_s=0, threads=0, device="")
    return hashlib.sha256(msgspec.json.encode(decides) + course.fingerprint.encode()).hexdigest()
