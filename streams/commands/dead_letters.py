"""`slatestream dead-letters [--follow] [--resend]`: read what was refused, and send it again.

    slatestream dead-letters --json > letters.jsonl     # mend `value` there
    slatestream dead-letters --resend letters.jsonl

A letter that is sent again goes to the topic where it was refused, under the key that its event
asks for, and only if it would be taken now. What was counted before counts once.
"""

import argparse
import datetime
import pathlib
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from streams.commands import CommandError, Subparsers, UsageError, add_json
from streams.commands.output import err, json_line, out
from streams.config import Settings
from streams.contract.events import (
    Click,
    DeadLetter,
    EventError,
    Impression,
    check_size,
    check_time,
    decode_dead_letter,
    encode,
    seconds,
)
from streams.contract.items import read_item
from streams.contract.topics import TopicNames
from streams.kafka.client import connect
from streams.kafka.producer import KINDS, EventSender
from streams.kafka.topic_reader import TopicReader
from streams.serving.accept import accept

SHOWN = 200  # characters of a value on the terminal


def add_parser(subparsers: Subparsers) -> None:
    """FILE, `--follow`, `--last`, `--topic`, `--resend`, `--json`."""
    parser = subparsers.add_parser(
        "dead-letters", help="read what was refused and why; send mended ones again"
    )
    parser.add_argument(
        "file",
        nargs="?",
        type=pathlib.Path,
        metavar="FILE",
        help="with --resend: letters as --json writes them (default: standard input)",
    )
    parser.add_argument("--follow", action="store_true", help="wait for more, until Ctrl-C")
    parser.add_argument("--last", type=int, metavar="N", help="only the last N")
    parser.add_argument("--topic", choices=tuple(KINDS), metavar="TOPIC", help=", ".join(KINDS))
    parser.add_argument("--resend", action="store_true", help="send letters to where they were")
    add_json(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Read, or send again; 1 where some letters would be refused once more.

    Raises
    ------
    UsageError
        For flags that contradict each other.
    CommandError
        For a file that is not there, or lines that are no dead letters.
    """
    if args.file is not None and not args.resend:
        msg = f"expected --resend with a file, found {args.file} alone"
        raise UsageError(msg)
    if args.resend and (args.follow or args.last is not None):
        msg = "expected --resend alone, found it with --follow or --last"
        raise UsageError(msg)
    if args.last is not None and args.last < 1:
        msg = f"expected --last of at least 1, found {args.last}"
        raise UsageError(msg)
    connect(settings)
    return _resend(args, settings) if args.resend else _read(args, settings)


def _read(args: argparse.Namespace, settings: Settings) -> int:
    names = TopicNames(settings.topic_prefix)
    wanted = None if args.topic is None else names.prefix + args.topic
    with TopicReader(settings.kafka_client(), names.dead_letters) as reader:
        letters = _letters(reader.until_end(), wanted)
        if args.last is not None:
            letters = iter(deque(letters, args.last))
        found = _print(letters, args.json)
        if args.follow:
            _print(_letters(reader.for_ever(), wanted), args.json)
    if not found:
        err().print("no dead letters: nothing was refused")
    return 0


def _letters(records: Iterable[Any], topic: str | None) -> Iterator[DeadLetter]:
    for record in records:
        try:
            letter = decode_dead_letter(record.value())
        except EventError:  # another program writes here
            continue
        if topic is None or letter.topic == topic:
            yield letter


def _print(letters: Iterable[DeadLetter], as_json: bool) -> int:
    number = 0
    for letter in letters:
        number += 1
        if as_json:
            sys.stdout.write(encode(letter).decode() + "\n")
            sys.stdout.flush()
        else:
            out().print(line(letter), markup=False)
    return number


def line(letter: DeadLetter) -> str:
    """One letter as text."""
    at = datetime.datetime.fromtimestamp(letter.ts, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    value = letter.value if len(letter.value) <= SHOWN else letter.value[:SHOWN] + "…"
    place = f"{letter.topic} {letter.partition}/{letter.offset}"
    return f"{at} {place}, key {letter.key or 'none'}: {letter.reason}\n    {value}"


def _resend(args: argparse.Namespace, settings: Settings) -> int:
    prefix = TopicNames(settings.topic_prefix).prefix
    sender = EventSender(settings.kafka_client())
    refused = 0
    for number, text in enumerate(_lines(args.file), 1):
        if not text.strip():
            continue
        try:
            letter = decode_dead_letter(text)
        except EventError as error:
            msg = f"line {number}: expected a dead letter as --json writes it: {error}"
            raise CommandError(msg) from None
        topic = letter.topic.removeprefix(prefix)
        if args.topic is not None and topic != args.topic:
            continue
        try:
            sender.send(prefix + topic, key_now(topic, letter, settings), letter.value.encode())
        except EventError as error:
            refused += 1
            err().print(f"line {number}: not sent, it would be refused: {error}", markup=False)
    sender.flush()
    if args.json:
        json_line({"sent": sender.sent, "refused": refused})
    else:
        out().print(f"{sender.sent} sent, {refused} not")
    return 1 if refused else 0


def key_now(topic: str, letter: DeadLetter, settings: Settings) -> bytes:
    """The key of a letter's event, if it would be taken now.

    Raises
    ------
    EventError
        With the reason why not.
    """
    kind, value = KINDS.get(topic), letter.value.encode()
    if kind is None:
        msg = f"events of {topic} are slatestream's own; expected one of {', '.join(KINDS)}"
        raise EventError(msg)
    if topic == "slate-requests":
        return accept(value, settings).user_id.encode()
    check_size(value, settings.max_event_bytes)
    event = kind.decode(value)
    key = str(getattr(event, kind.key)).encode()
    if topic == "items":
        read_item(key, value, settings.max_event_bytes)
    if isinstance(event, Click | Impression):
        check_time(seconds(event.ts), time.time() + settings.max_ahead_s)
    return key


def _lines(path: pathlib.Path | None) -> Iterator[bytes]:
    if path is None:
        yield from sys.stdin.buffer
        return
    if not path.is_file():
        msg = f"expected a file of dead letters, found none at {path}"
        raise CommandError(msg)
    with path.open("rb") as file:
        yield from file
