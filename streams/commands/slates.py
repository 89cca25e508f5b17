"""`slatestream slates [--follow] [--segment S]`: the response topic."""

import argparse
import datetime
import sys

from streams.commands import Subparsers, add_json
from streams.commands.output import err, out
from streams.config import Settings
from streams.contract.events import EventError, Slate, decode_slate
from streams.contract.topics import TopicNames
from streams.kafka.client import connect
from streams.kafka.topic_reader import TopicReader


def add_parser(subparsers: Subparsers) -> None:
    """`--follow`, `--segment`, `--json`."""
    parser = subparsers.add_parser("slates", help="read the response topic")
    parser.add_argument("--follow", action="store_true", help="wait for more, until Ctrl-C")
    parser.add_argument("--segment", help="this segment only")
    add_json(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Everything that the topic still holds, a line each; with `--follow` also what comes."""
    connect(settings)
    with TopicReader(settings.kafka_client(), TopicNames(settings.topic_prefix).slates) as reader:
        for message in reader.for_ever() if args.follow else reader.until_end():
            value = message.value()
            try:
                slate = decode_slate(value)
            except EventError as error:  # another program writes here
                err().print(
                    f"partition {message.partition()} offset {message.offset()} is no slate: "
                    f"{error}",
                    markup=False,
                )
                continue
            if args.segment is not None and slate.segment != args.segment:
                continue
            if args.json:
                sys.stdout.write((value or b"").decode() + "\n")
                sys.stdout.flush()
            else:
                out().print(line(slate), markup=False)
    return 0


def line(slate: Slate) -> str:
    """One slate as text."""
    time = datetime.datetime.fromtimestamp(slate.ts, datetime.UTC).strftime("%H:%M:%S")
    items = ", ".join(item.item_id for item in slate.items)
    return (
        f"{time} {slate.segment} {slate.user_id or '-'} [{slate.policy}] {slate.slate_id}: "
        f"{items or 'no item is eligible'}"
    )
