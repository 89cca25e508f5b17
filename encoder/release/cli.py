"""`slatestream encoder train|compress|evaluate|publish|refresh|rollback`: the batch side, one step
or all of them.

Exit status 0 done, 1 failed or refused by the gate, 2 wrong usage. Results go to stdout (`--json`:
one line of JSON), progress and complaints to stderr (`encoder.release.progress`).
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import KafkaException

from encoder.corpus.kafka_log import LogError, Topics
from encoder.corpus.source import Source, from_files, from_topics
from encoder.release.publish import Outcome, publish
from encoder.release.refresh_config import BUDGETS, PlanError, load_plan, teacher_path, within
from encoder.release.shelf import Shelf
from encoder.release.terminal import Terminal
from encoder.serving.artifact import ArtifactError, load
from encoder.serving.artifact_writing import with_card

DONE, FAILED, WRONG_USAGE = 0, 1, 2
EXTRA = {"torch", "transformers", "onnx", "safetensors", "tensorboard"}

COMMANDS = {
    "train": "train a student on items and clicks; makes a folder for `compress`",
    "compress": "make a trained student small and ready to serve",
    "evaluate": "measure an encoder on held-out items and clicks",
    "publish": "put an encoder in force, if it passes the gate",
    "refresh": "corpus, train, compress, compare, publish; goes on where it was cut off",
    "rollback": "put an earlier release in force again",
}


def add_parser(subparsers: Any) -> None:
    """Add `encoder` with its commands."""
    parser = subparsers.add_parser(
        "encoder", help="train, compress, judge and publish item embeddings"
    )
    commands = parser.add_subparsers(dest="encoder_command", metavar="STEP", required=True)
    made = {
        name: commands.add_parser(name, help=text, description=text)
        for name, text in COMMANDS.items()
    }
    for name in ("train", "compress", "evaluate", "publish", "refresh"):
        made[name].add_argument("--plan", type=Path, help="TOML file, see docs/releases.md")
        made[name].add_argument(
            "--items", type=Path, help="JSON lines of items (default: the topic `items`)"
        )
        made[name].add_argument(
            "--clicks", type=Path, help="JSON lines of clicks (default: the topic `clicks`)"
        )
    for name in ("compress", "evaluate", "publish"):
        made[name].add_argument("artifact", type=Path, help="folder of the encoder")
    for name in ("train", "compress"):
        made[name].add_argument("--out", type=Path, required=True, help="folder to make")
    for name in ("publish", "refresh", "rollback"):
        made[name].add_argument(
            "--releases",
            type=Path,
            help="folder of releases (default: SLATESTREAM_RELEASES_DIR or slatestream-releases)",
        )
    made["evaluate"].add_argument(
        "--recall",
        action="store_true",
        help="ask the teacher for neighbours too; it reads everything",
    )
    made["evaluate"].add_argument(
        "--write", action="store_true", help="put the figures on the encoder's card"
    )
    made["refresh"].add_argument(
        "--work", type=Path, default=Path("slatestream-refresh"), help="folder of unfinished runs"
    )
    made["refresh"].add_argument(
        "--budget",
        choices=tuple(BUDGETS),
        help="how long it may take on two cores with 20,000 items; decides the plan's method",
    )
    made["rollback"].add_argument("version", help="a version on `encoder-releases`")
    for each in made.values():
        each.add_argument(
            "--threads",
            type=int,
            default=len(os.sched_getaffinity(0)),
            help="for embedding (default: the cores that this process may use)",
        )
        each.add_argument(
            "--json", action="store_true", help="one line of JSON on stdout, progress as JSON"
        )


def run(args: argparse.Namespace, settings_kafka: Mapping[str, Any], topics: Topics) -> int:
    """Run one step.

    Parameters
    ----------
    args
        As `add_parser` reads them.
    settings_kafka
        Brokers and security, as confluent-kafka takes them.
    topics
        Names of the topics.

    Returns
    -------
    The exit status.

    """
    terminal = Terminal(as_json=args.json)
    steps: dict[str, Callable[[argparse.Namespace, Mapping[str, Any], Topics, Terminal], int]] = {
        "train": _train,
        "compress": _compress,
        "evaluate": _evaluate,
        "publish": _publish,
        "refresh": _refresh,
        "rollback": _rollback,
    }
    from encoder.release.refresh import RefreshError

    try:
        with terminal:
            return steps[args.encoder_command](args, settings_kafka, topics, terminal)
    except PlanError as error:
        return terminal.complain(str(error), WRONG_USAGE)
    except (ArtifactError, LogError, RefreshError, ValueError, OSError) as error:
        return terminal.complain(str(error), FAILED)
    except KafkaException as error:
        return terminal.complain(error.args[0].str(), FAILED)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        return terminal.complain(
            f"{error.name} is not installed; run pip install 'slatestream[encoder]'", FAILED
        )


def _train(
    args: argparse.Namespace, client: Mapping[str, Any], topics: Topics, terminal: Terminal
) -> int:
    plan = load_plan(args.plan)
    from encoder.release.refresh import corpus_of, train_config
    from encoder.training.train import train

    config = train_config(plan, teacher_path(plan))
    corpus = corpus_of(_source(args, client, topics, terminal), plan)
    artifact = train(corpus, config, args.out, report=terminal.report)
    return terminal.result(
        {"artifact": str(args.out), "version": artifact.version, "bytes": artifact.model_bytes}
        | artifact.card.metrics
    )


def _compress(
    args: argparse.Namespace, client: Mapping[str, Any], topics: Topics, terminal: Terminal
) -> int:
    from encoder.compress import compress
    from encoder.release.refresh import corpus_of

    plan = load_plan(args.plan)
    corpus = corpus_of(_source(args, client, topics, terminal), plan)
    texts = [corpus.texts[row] for row in corpus.training_rows()]
    artifact = compress(load(args.artifact), plan.compress, args.out, texts, terminal.report)
    terminal.steps(artifact.card.steps)
    return terminal.result(
        {"artifact": str(args.out), "version": artifact.version, "bytes": artifact.model_bytes}
    )


def _evaluate(
    args: argparse.Namespace, client: Mapping[str, Any], topics: Topics, terminal: Terminal
) -> int:
    from encoder.release.evaluate import evaluate
    from encoder.release.refresh import corpus_of
    from encoder.release.teacher_reading import read_with_teacher

    plan = load_plan(args.plan)
    artifact = load(args.artifact)
    corpus = corpus_of(_source(args, client, topics, terminal), plan)
    vectors = (
        read_with_teacher(corpus, plan, terminal.report, threads=args.threads)
        if args.recall or plan.recall
        else None
    )
    figures = evaluate(artifact, corpus, vectors, args.threads)
    if args.write:
        with_card(
            artifact,
            msgspec.structs.replace(artifact.card, metrics=artifact.card.metrics | figures),
        )
    return terminal.result({"artifact": str(args.artifact), "version": artifact.version} | figures)


def _publish(
    args: argparse.Namespace, client: Mapping[str, Any], topics: Topics, terminal: Terminal
) -> int:
    from encoder.release.compare import compare
    from encoder.release.refresh import corpus_of
    from encoder.release.teacher_reading import teacher_vectors

    plan = load_plan(args.plan)
    artifact = load(args.artifact)
    corpus = corpus_of(_source(args, client, topics, terminal), plan)
    shelf = _shelf(args, client, topics)
    vectors = teacher_vectors(corpus, plan, terminal.report, terminal.say, threads=args.threads)
    compared = compare(
        artifact,
        corpus,
        shelf,
        plan.gate,
        vectors,
        args.threads,
        plan.catalogue,
        report=terminal.report,
        clicks=plan.clicks,
    )
    for sentence in compared.said:
        terminal.say(sentence)
    outcome = publish(
        artifact,
        dict(zip(corpus.item_ids, corpus.texts, strict=True)),
        compared.judged,
        shelf,
        time.time(),
        catalogue=compared.catalogue,
    )
    return _told(outcome, terminal)


def _refresh(
    args: argparse.Namespace, client: Mapping[str, Any], topics: Topics, terminal: Terminal
) -> int:
    from encoder.release.refresh import refresh

    plan = load_plan(args.plan)
    outcome = refresh(
        lambda: _source(args, client, topics, terminal),
        plan if args.budget is None else within(plan, args.budget),
        _shelf(args, client, topics),
        args.work,
        time.time(),
        threads=args.threads,
        report=terminal.report,
        say=terminal.say,
    )
    return _told(outcome, terminal)


def _rollback(
    args: argparse.Namespace, client: Mapping[str, Any], topics: Topics, terminal: Terminal
) -> int:
    from encoder.release.rollback import rollback

    return _told(rollback(args.version, _shelf(args, client, topics), time.time()), terminal)


def _source(
    args: argparse.Namespace, client: Mapping[str, Any], topics: Topics, terminal: Terminal
) -> Source:
    if args.items is not None:
        return from_files(args.items, args.clicks)
    if args.clicks is not None:
        msg = (
            "--clicks: expected --items beside it, found none; a corpus comes from files or from "
            "topics, not from both"
        )
        raise PlanError(msg)
    terminal.say(f"reading {topics.items} and {topics.clicks}")
    return from_topics(client, topics)


def _shelf(args: argparse.Namespace, client: Mapping[str, Any], topics: Topics) -> Shelf:
    folder = args.releases or Path(
        os.environ.get("SLATESTREAM_RELEASES_DIR") or "slatestream-releases"
    )
    return Shelf(client, topics, folder)


def _told(outcome: Outcome, terminal: Terminal) -> int:
    if outcome.release is None:
        terminal.result({"published": False, "reasons": outcome.reasons})
        return terminal.complain(
            "refused, the release in force stays: " + "; ".join(outcome.reasons), FAILED
        )
    return terminal.result({"published": True} | msgspec.to_builtins(outcome.release))
