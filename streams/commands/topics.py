"""`slatestream topics create|check|asyncapi`."""

import argparse

from streams.commands import Subparsers, add_json
from streams.commands.output import json_line, out
from streams.config import Settings
from streams.contract.asyncapi import document
from streams.contract.topics import TopicNames
from streams.kafka.admin import check_copartitioned, create, differences, partition_counts
from streams.kafka.client import connect


def add_parser(subparsers: Subparsers) -> None:
    """`create`, `check` or `asyncapi`, `--json`."""
    parser = subparsers.add_parser(
        "topics",
        help="create the topics as declared, report every difference, or print them as AsyncAPI",
    )
    parser.add_argument("action", choices=("create", "check", "asyncapi"))
    add_json(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """`create` leaves what exists as it is; `create` and `check` end with every difference that is
    left, and with 1 when there is any. `asyncapi` needs no broker.
    """
    names = TopicNames(settings.topic_prefix)
    declared = (settings.topic_partitions, settings.topic_replication)
    if args.action == "asyncapi":
        json_line(document(names, *declared))
        return 0
    admin = connect(settings)
    made = create(admin, names, *declared) if args.action == "create" else []
    found = differences(admin, names, *declared)
    if args.json:
        json_line({"created": made, "differences": found})
    else:
        for name in made:
            out().print(f"created {name}")
        for line in found:
            out().print(line, markup=False)
        if not found:
            partitions = check_copartitioned(partition_counts(admin), names)
            out().print(f"all topics are as declared, {partitions} partitions")
    return 1 if found else 0
