"""A refresh: from the topics to a new release in force, or to the reasons why there is none.

    1. corpus      read once and kept, so that an interrupted run goes on with what it began with
    2. encoder     compress the teacher, or train a student and compress that, or `quick`
    3. compare     who makes the catalogue's vectors, the encoder or its teacher; and all of it with
                   the release in force, on the same held-out items and events
    4. publish     gate, folder, one transaction (`encoder.release.publish`)

Each step leaves its result in the working folder, whole or not at all; a run that was cut off
starts at the first step that has none (training itself goes on at its last checkpoint). A run with
another plan, or one older than a day, starts anew. When a run has ended its folder goes, whichever
way it ended; an encoder that was refused is kept in `refused`, and the vectors that were made in
`vectors.sqlite`, for the next run (`encoder.corpus.vector_cache`).
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from encoder.corpus.corpus import Corpus, Split, build
from encoder.corpus.source import Source
from encoder.corpus.vector_cache import VectorCache
from encoder.release.compare import compare
from encoder.release.publish import Outcome, publish
from encoder.release.refresh_config import Plan, PlanError, teacher_path
from encoder.release.shelf import Shelf
from encoder.release.teacher_reading import teacher_vectors
from encoder.serving.artifact import Artifact, ArtifactError, load
from encoder.training.closed_form import quick

__all__ = [
    "RefreshError",
    "corpus_of",
    "make_encoder",
    "quick",
    "refresh",
    "train_config",
]

Report = Callable[[str, int, int], None]

# of a run that was cut off: what it read is then older than what a daily refresh would read
TOO_OLD_S = 86_400.0


class RefreshError(RuntimeError):
    """A refresh that cannot run: what was expected, what was found, what to do."""


class _Run(msgspec.Struct):
    """What a run began with."""

    plan: Plan
    began_s: float


def refresh(
    read: Callable[[], Source],
    plan: Plan,
    shelf: Shelf,
    work: Path,
    now_s: float,
    *,
    threads: int = 1,
    report: Report = lambda what, done, all_of: None,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Run all steps that are not done yet.

    Parameters
    ----------
    read
        Gives items and feedback; called when a run begins.
    plan
        What to do.
    shelf
        Where the release goes.
    work
        Folder of the run; one refresh at a time, which a lock holds.
    now_s
        Seconds since the epoch.
    threads
        For embedding.
    report
        Called with what is being done, how much of it, of how much.
    say
        Called with one sentence at each step.

    Returns
    -------
    The release, or the reasons against it; then the release before stays in force.

    Raises
    ------
    RefreshError
        Another refresh runs in `work`.
    PlanError, ArtifactError, LogError, ValueError
        A step failed; the next call goes on there.

    """
    with _alone(work):
        run = _begin(work / "run", plan, now_s)
        corpus = _corpus(run, read, plan, say)  # 1
        # 2
        artifact = _kept(run / "encoder") or make_encoder(
            corpus, plan, run, work / "labels", report
        )
        with VectorCache(work / "vectors.sqlite") as cache:
            vectors = teacher_vectors(corpus, plan, report, say, cache, threads)
            compared = compare(  # 3
                artifact,
                corpus,
                shelf,
                plan.gate,
                vectors,
                threads,
                plan.catalogue,
                cache=cache,
                report=report,
                clicks=plan.clicks,
            )
            cache.keep_used()
        for sentence in compared.said:
            say(sentence)
        outcome = publish(  # 4
            artifact,
            dict(zip(corpus.item_ids, corpus.texts, strict=True)),
            compared.judged,
            shelf,
            now_s,
            catalogue=compared.catalogue,
        )
        _end(work, outcome)
        return outcome


def corpus_of(source: Source, plan: Plan) -> Corpus:
    """Items and feedback with the plan's split."""
    return build(source.items, source.feedback, Split(**msgspec.to_builtins(plan.split)))


def make_encoder(corpus: Corpus, plan: Plan, run: Path, labels: Path, report: Report) -> Artifact:
    """Step 2: an encoder that serves, at `run`/encoder."""
    teacher = teacher_path(plan)
    if plan.method == "quick":
        items = [
            {"item_id": item, "text": text}
            for item, text in zip(corpus.item_ids, corpus.texts, strict=True)
        ]
        return quick(
            items,
            Path(teacher),
            run / "encoder",
            prompt=plan.prompt,
            progress=lambda done, all_of: report("the teacher reads a sample", done, all_of),
            **_options(plan.quick, "quick"),
        )
    from encoder.compress import compress
    from encoder.training.train import train, whole_teacher

    config = train_config(plan, teacher)
    whole = _kept(run / "whole")
    if whole is None and plan.method == "compress":
        whole = whole_teacher(config, run / "whole")
    elif whole is None:
        whole = train(corpus, config, run / "whole", labels=labels, report=report)
    texts = [corpus.texts[row] for row in corpus.training_rows()]
    return compress(whole, plan.compress, run / "encoder", texts, report)


def train_config(plan: Plan, teacher: str) -> Any:
    """The plan's table `train` as a `encoder.training.train_config.TrainConfig`.

    Raises
    ------
    PlanError
        A key or value that it does not have.

    """
    from encoder.training.train_config import TrainConfig

    known = TrainConfig.__struct_fields__
    if unknown := plan.train.keys() - set(known):
        msg = f"train: expected {', '.join(known)}, found {', '.join(sorted(unknown))}"
        raise PlanError(msg)
    try:
        return msgspec.convert(
            {"teacher": teacher, "prompt": plan.prompt} | plan.train, TrainConfig
        )
    except msgspec.ValidationError as error:
        msg = f"train: expected what encoder.training.train_config.TrainConfig takes, found {error}"
        raise PlanError(msg) from error


def _options(given: dict[str, Any], table: str) -> dict[str, Any]:
    known = {"dim", "tokens", "threads"}
    if unknown := given.keys() - known:
        msg = f"{table}: expected {', '.join(sorted(known))}, found {', '.join(sorted(unknown))}"
        raise PlanError(msg)
    return given


def _begin(run: Path, plan: Plan, now_s: float) -> Path:
    """The run to go on with, or a new one."""
    kept = run / "run.json"
    if kept.is_file():
        with contextlib.suppress(msgspec.MsgspecError):  # written by another version: start anew
            before = msgspec.json.decode(kept.read_bytes(), type=_Run)
            if before.plan == plan and 0 <= now_s - before.began_s <= TOO_OLD_S:
                return run
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    _put(kept, msgspec.json.encode(_Run(plan, now_s)))
    return run


def _corpus(
    run: Path, read: Callable[[], Source], plan: Plan, say: Callable[[str], None]
) -> Corpus:
    kept = run / "source.json"
    if kept.is_file():
        source = msgspec.json.decode(kept.read_bytes(), type=Source)
    else:
        source = read()
        _put(kept, msgspec.json.encode(source))
    left_out = "".join(
        f", {count} unusable {kind} left out" for kind, count in source.left_out.items()
    )
    say(
        f"corpus: {len(source.items)} items, {len(source.feedback)} clicks and "
        f"conversions{left_out}"
    )
    return corpus_of(source, plan)


def _end(work: Path, outcome: Outcome) -> None:
    if outcome.release is None:
        shutil.rmtree(work / "refused", ignore_errors=True)
        (work / "run" / "encoder").rename(work / "refused")
    shutil.rmtree(work / "run")


def _kept(folder: Path) -> Artifact | None:
    """A step's result from before, if it is whole."""
    with contextlib.suppress(ArtifactError):
        return load(folder)
    return None


def _put(path: Path, content: bytes) -> None:
    aside = path.with_suffix(".part")
    aside.write_bytes(content)
    os.replace(aside, path)


@contextlib.contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Hold the folder's lock, which ends with the process."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = (
                f"{work}: expected to be the only refresh in this folder, found another; wait for "
                "it, or use another --work"
            )
            raise RefreshError(msg) from error
        yield
