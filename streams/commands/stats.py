"""`slatestream stats`, read from the committed changelog of every partition.

export [--segment S]    the global counts
segments                which context fields segments are served apart by, and why
"""

import argparse

import msgspec

from streams.commands import Subparsers
from streams.commands.output import err, json_line, out
from streams.config import Settings
from streams.kafka.client import connect


def add_parser(subparsers: Subparsers) -> None:
    """`export`, `segments`, `--segment`, `--json`."""
    parser = subparsers.add_parser("stats", help="the global counts, and segments made of them")
    parser.add_argument("action", choices=("export", "segments"))
    parser.add_argument("--segment", help="this segment only")
    parser.add_argument(
        "--json", action="store_true", help="JSON lines; `export` always prints them"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """One line per (segment, item) that was ever seen, or per context field; ends with 0 also when
    there is none.
    """
    # NumPy and the reader, only when they are needed
    from streams.serving.counts_view import read_counts

    connect(settings)
    if args.action == "segments":
        return _segments(settings, args.json)
    lines = 0
    for counts in read_counts(settings, args.segment):
        json_line(counts)
        lines += 1
    if not lines:
        err().print(
            "no counts yet: nothing was ingested by this group, or the first flush is still to come"
        )
    return 0


def _segments(settings: Settings, as_json: bool) -> int:
    from bandits.slates.config_file import load_config
    from streams.serving.field_words import learn_fields

    page = learn_fields(settings, load_config(settings.policy_file))
    if as_json:
        json_line(msgspec.to_builtins(page))
        return 0
    out().print(page.text)
    for row in page.fields:
        shared = "served apart" if row.apart else "served as one"
        out().print(f"{row.field} ({row.values} values): {shared}; {row.text}")
    return 0
