"""`slatestream stats export [--segment S]`: the global counts, read from the committed changelog of
every partition.
"""

import argparse

from streams.commands import Subparsers
from streams.commands.output import err, json_line
from streams.config import Settings
from streams.kafka.client import connect


def add_parser(subparsers: Subparsers) -> None:
    """`export`, `--segment`, `--json`."""
    parser = subparsers.add_parser("stats", help="the global counts as JSON lines")
    parser.add_argument("action", choices=("export",))
    parser.add_argument("--segment", help="this segment only")
    parser.add_argument(
        "--json", action="store_true", help="accepted for likeness: the output is always JSON lines"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """One line per (segment, item) that was ever seen; ends with 0 also when there is none."""
    # NumPy and the reader, only when they are needed
    from streams.serving.counts_view import read_counts

    connect(settings)
    lines = 0
    for counts in read_counts(settings, args.segment):
        json_line(counts)
        lines += 1
    if not lines:
        err().print(
            "no counts yet: nothing was ingested by this group, or the first flush is still to come"
        )
    return 0
