"""`slatestream stats`, read from the committed changelog of every partition.

export [--segment S]    the global counts
outcomes                what became of slates by variant (`streams.commands.stats_outcomes`)
segments                which context fields segments are served apart by, and why
"""

import argparse

import msgspec

from streams.commands import Subparsers, UsageError
from streams.commands.output import err, json_line, out
from streams.config import Settings
from streams.kafka.client import connect


def add_parser(subparsers: Subparsers) -> None:
    """`export`, `outcomes`, `segments` and their options."""
    parser = subparsers.add_parser(
        "stats", help="global counts, outcomes of slates by variant, segments made of counts"
    )
    parser.add_argument("action", choices=("export", "outcomes", "segments"))
    parser.add_argument("--segment", help="of export: this segment only")
    parser.add_argument(
        "--hours", type=int, default=168, help="of outcomes: hours back from now (%(default)s)"
    )
    parser.add_argument(
        "--unit",
        choices=("users", "slates"),
        default="users",
        help="of outcomes: what intervals take for independent (%(default)s)",
    )
    parser.add_argument(
        "--sequential",
        action="store_true",
        help="of outcomes: intervals that hold however often one looks",
    )
    parser.add_argument(
        "--json", action="store_true", help="JSON lines; `export` always prints them"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """One line per (segment, item) that was ever seen, per context field, or tables of variants;
    ends with 0 also when there is nothing to say.

    Raises
    ------
    UsageError
        For less than an hour.
    """
    if args.hours < 1:
        msg = f"expected --hours of at least 1, found {args.hours}"
        raise UsageError(msg)
    # NumPy and the reader, only when they are needed
    from streams.serving.counts_view import read_counts

    connect(settings)
    if args.action == "segments":
        return _segments(settings, args.json)
    if args.action == "outcomes":
        from streams.commands.stats_outcomes import run_outcomes
        from streams.serving.watch.outcome_report import Options

        return run_outcomes(settings, Options(args.hours, args.unit, args.sequential), args.json)
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
