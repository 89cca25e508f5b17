"""`slatestream produce TOPIC [FILE]`: JSON lines to a topic, keyed as the contract says."""

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from streams.commands import CommandError, Subparsers, UsageError, add_json
from streams.commands.output import json_line, out, progress
from streams.config import Settings
from streams.contract.decoding import BYTE_ORDER_MARK
from streams.contract.events import EventError
from streams.contract.topics import TopicNames
from streams.kafka.admin import TopicsError, partition_counts
from streams.kafka.client import connect
from streams.kafka.producer import KINDS, EventSender, key_of

PROGRESS_STEP = 1000  # lines between two updates of the bar


def add_parser(subparsers: Subparsers) -> None:
    """TOPIC, FILE, `--withdraw`, `--unchecked`, `--json`."""
    parser = subparsers.add_parser(
        "produce", help="JSON lines to a topic, keyed as the contract says"
    )
    parser.add_argument(
        "topic", choices=tuple(KINDS), metavar="TOPIC", help=", ".join(KINDS) + " (without prefix)"
    )
    parser.add_argument(
        "file", nargs="?", type=pathlib.Path, metavar="FILE", help="default: standard input"
    )
    parser.add_argument(
        "--withdraw",
        action="store_true",
        help="items: lines are item ids (or Items); send null values",
    )
    parser.add_argument(
        "--unchecked", action="store_true", help="send lines as they are; workers make dead letters"
    )
    add_json(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Send line by line; the first line that a worker would refuse ends it, with its number.

    Raises
    ------
    UsageError
        For `--withdraw` with another topic than items.
    CommandError
        For such a line, or a file that is not there.
    TopicsError
        When the topic does not exist.
    """
    if args.withdraw and args.topic != "items":
        msg = (
            f"expected --withdraw with items, found it with {args.topic}; only items can be "
            "withdrawn"
        )
        raise UsageError(msg)
    topic = TopicNames(settings.topic_prefix).prefix + args.topic
    if topic not in partition_counts(connect(settings), [topic]):
        msg = f"expected the topic {topic}, found none; run `slatestream topics create`"
        raise TopicsError(msg)
    sender = EventSender(settings.kafka_client())
    with _opened(args.file) as lines:
        for number, line in enumerate(_with_progress(lines, args), start=1):
            if not (text := line.removeprefix(BYTE_ORDER_MARK).strip()):
                continue
            try:
                key, value = _record(args, text)
            except EventError as error:
                sender.flush()
                where = args.file or "standard input"
                msg = (
                    f"line {number} of {where}: {error}; the {sender.sent} events before it were "
                    "sent; "
                    "mend the line, or send it as it is with --unchecked"
                )
                raise CommandError(msg) from None
            sender.send(topic, key, value)
    sender.flush()
    if args.json:
        json_line({"topic": topic, "events": sender.sent})
    else:
        out().print(f"{sender.sent} events to {topic}")
    return 0


def _record(args: argparse.Namespace, text: bytes) -> tuple[bytes | None, bytes | None]:
    if not args.withdraw:
        return key_of(args.topic, text, checked=not args.unchecked), text
    if text.startswith(b"{"):
        return key_of("items", text, checked=not args.unchecked), None
    try:
        name = msgspec.json.decode(text, type=str) if text.startswith(b'"') else text.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"expected an item id, found {text[:60]!r} ({error})"
        raise EventError(msg) from None
    return name.encode(), None


@contextlib.contextmanager
def _opened(path: pathlib.Path | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdin.buffer
        return
    if not path.is_file():
        msg = (
            f"expected a file of JSON lines, found none at {path}; leave it out to read standard "
            "input"
        )
        raise CommandError(msg)
    with path.open("rb") as file:
        yield file


def _with_progress(lines: BinaryIO, args: argparse.Namespace) -> Iterator[bytes]:
    """The lines, with a bar on stderr when a person looks at it."""
    if not sys.stderr.isatty():
        yield from lines
        return
    total = None
    if args.file is not None:
        with args.file.open("rb") as file:
            total = sum(1 for _ in file)
    with progress() as bar:
        task = bar.add_task(f"to {args.topic}", total=total)
        for number, line in enumerate(lines, start=1):
            yield line
            if number % PROGRESS_STEP == 0:
                bar.update(task, completed=number)
        bar.update(task, completed=total)
