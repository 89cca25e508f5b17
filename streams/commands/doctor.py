"""`slatestream doctor`: every check, one line each; status 1 when something is bad."""

import argparse

from rich.table import Table

from streams.commands import Subparsers, add_json
from streams.commands.examine import examine
from streams.commands.findings import BAD, CARE, GOOD
from streams.commands.output import json_line, out
from streams.config import Settings

STYLE = {GOOD: "green", CARE: "yellow", BAD: "bold red"}


def add_parser(subparsers: Subparsers) -> None:
    """`--json`."""
    add_json(
        subparsers.add_parser(
            "doctor",
            help="check configuration, broker, topics, disk and releases; say what to mend",
        )
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the report."""
    findings = examine(settings)
    if args.json:
        for finding in findings:
            json_line(finding._asdict())
    else:
        report = Table(box=None, pad_edge=False)
        for column in ("check", "status", "found", "what to do"):
            report.add_column(column, overflow="fold")
        for finding in findings:
            style = STYLE[finding.status]
            report.add_row(
                finding.check,
                f"[{style}]{finding.status}[/]",
                _plain(finding.found),
                _plain(finding.remedy),
            )
        out().print(report)
    return 1 if any(finding.status == BAD for finding in findings) else 0


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
