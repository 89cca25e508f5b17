"""`slatestream stats outcomes`: what became of slates by variant, from the committed changelog of
every partition.
"""

import time
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bandits.slates.config_file import load_policy_file
from streams.commands.output import err, json_line, out
from streams.config import Settings
from streams.contract.outcomes_page import OutcomesPage
from streams.kafka.client import connect
from streams.serving.watch.outcome_report import Options, report
from streams.serving.watch.outcomes_view import read_outcomes

NONE = (
    "no outcomes yet: no slate was made and counted by this group, or the first flush is still to "
    "come"
)
PARTS = ("variants", "balance", "cells", "tracking", "exploration", "hours", "findings")


def run_outcomes(settings: Settings, options: Options, as_json: bool) -> int:
    """Print them; ends with 0 also where there are none."""
    file = load_policy_file(settings.policy_file)
    connect(settings)
    page = report(read_outcomes(settings), file, options, time.time())
    if not page.hours:
        err().print(NONE)
    elif as_json:
        for row in _lines(page):
            json_line(row)
    else:
        show(page, out())
    return 0


def _lines(page: OutcomesPage) -> list[dict[str, Any]]:
    """A line for each row, which says what part of the page it is of."""
    plain = msgspec.to_builtins(page)
    return [{"part": part, **row} for part in PARTS for row in plain[part]]


def show(page: OutcomesPage, to: Console) -> None:
    """Tables: variants, then hours; findings last."""
    kind = "at every look" if page.sequential else "of one look"
    table = _table(
        f"variants against {page.control}, 95% intervals {kind}, unit: {page.unit}",
        ("variant", "share", "offered", "seen", "clicks", "clicks per slate", "lift", "gives up"),
    )
    for each in page.variants:
        rate, lift = each.rates.get("clicks_per_slate"), each.lift.get("clicks_per_slate")
        table.add_row(
            each.variant,
            "" if each.share is None else f"{each.share:.0%}",
            f"{each.offered:,}",
            f"{each.seen:,}",
            f"{each.clicks:,}",
            "" if rate is None else rate.text(),
            "" if lift is None else lift.text(),
            f"{each.given_up:,.0f} clicks",
        )
    to.print(table)
    rows = _table(
        "by hour", ("hour (UTC)", "variant", "policy", "offered", "seen", "clicked", "clicks")
    )
    for row in page.hours[:48]:
        name = row.variant + (" (forced)" if row.forced else "")
        counts = (row.offered, row.seen, row.clicked, row.clicks)
        hour = time.strftime("%m-%d %H:%M", time.gmtime(row.hour))
        rows.add_row(hour, name, row.policy_version, *(f"{number:,}" for number in counts))
    to.print(rows)
    for finding in page.findings:
        to.print(f"{finding.level}: {finding.title}. {finding.text} {finding.do}", markup=False)


def _table(title: str, names: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in names:
        left = name in ("variant", "policy", "hour (UTC)")
        table.add_column(name, justify="left" if left else "right")
    return table
