"""Figures of the latency benchmark: from times to a row, from rows to a table.

Nothing is left out: a request without an answer counts as the longest of all, for at least as long
as it was waited for.
"""

import pathlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

FloatArray = NDArray[np.float64]
PERCENTILES = 50, 90, 99
HEADINGS = (
    "condition",
    "echo p50 / p99",
    "slate p50 / p90 / p99",
    "times p50 / p99",
    "sent",
    "answered",
    "twice",
    "longest",
    "goal",
)


class Times(NamedTuple):
    """Requests of one kind, in the order in which they were sent; seconds of one clock."""

    sent_s: FloatArray  # (n,)
    first_s: FloatArray  # (n,) of the first answer, nan without one
    answers: NDArray[np.int64]  # (n,)
    end_s: float  # until then answers were waited for

    def sent_between(self, low_s: float, high_s: float) -> "Times":
        """Those that were sent in the meantime, all of them."""
        inside = (self.sent_s >= low_s) & (self.sent_s <= high_s)
        return Times(self.sent_s[inside], self.first_s[inside], self.answers[inside], self.end_s)


class Goal(NamedTuple):
    """At most so many times the echo's p50 and p99; at most so many seconds for any request."""

    p50: float | None = None
    p99: float | None = None
    longest_s: float | None = None


def load_times(path: pathlib.Path) -> tuple[dict[str, Times], FloatArray]:
    """Times by kind, and how late each arrival was sent, as the client has written them."""
    with np.load(path) as columns:
        times = {
            kind: Times(
                columns[f"{kind}_sent_s"],
                columns[f"{kind}_first_s"],
                columns[f"{kind}_answers"],
                float(columns["end_s"]),
            )
            for kind in ("slate", "echo")
        }
        return times, columns["late_s"]


def latencies(times: Times) -> FloatArray:
    """Seconds of every request, (n,); one without an answer is at least as long as the longest."""
    waited_s = times.first_s - times.sent_s
    unanswered = np.isnan(waited_s)
    longest_s = np.max(waited_s[~unanswered], initial=0.0)
    return np.where(unanswered, np.maximum(times.end_s - times.sent_s, longest_s), waited_s)


def figures(times: Times) -> dict[str, Any]:
    """Percentiles in milliseconds, and what became of the requests."""
    if not len(times.sent_s):
        raise RuntimeError("expected requests in the window of the condition, found none")
    ms = latencies(times) * 1000.0
    return {
        **{f"p{each}_ms": float(np.percentile(ms, each)) for each in PERCENTILES},
        "longest_ms": float(ms.max()),
        "sent": len(ms),
        "answered": int((times.answers > 0).sum()),
        "answered_twice": int((times.answers > 1).sum()),
    }


def row(
    name: str, per_s: float, slate: dict[str, Any], echo: dict[str, Any], goal: Goal
) -> dict[str, Any]:
    """One condition at one rate, judged."""
    times = {each: slate[f"{each}_ms"] / echo[f"{each}_ms"] for each in ("p50", "p99")}
    found = {**times, "longest_s": slate["longest_ms"] / 1000.0}
    wanted = {each: limit for each, limit in goal._asdict().items() if limit is not None}
    met = all(found[each] <= limit for each, limit in wanted.items())
    return {
        "condition": name,
        "requests_per_s": per_s,
        "slate": slate,
        "echo": echo,
        "times_the_echo": times,
        "goal": wanted,
        "goal_met": met if wanted else None,
    }


def show(rows: list[dict[str, Any]], not_run: dict[str, str], title: str) -> None:
    """The table, and a line for all that it has no column for."""
    table = Table(title=title)
    for heading in HEADINGS:
        justify = "left" if heading == "condition" else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for each in rows:
        slate, echo, times = each["slate"], each["echo"], each["times_the_echo"]
        verdict = {True: "met", False: "missed", None: ""}[each["goal_met"]]
        table.add_row(
            _name(each),
            " / ".join(_short(echo[f"p{p}_ms"]) for p in (50, 99)),
            " / ".join(_short(slate[f"p{p}_ms"]) for p in PERCENTILES),
            f"{_short(times['p50'])} / {_short(times['p99'])}",
            f"{slate['sent']:,}",
            f"{slate['answered']:,}",
            f"{slate['answered_twice']:,}",
            f"{slate['longest_ms']:,.0f}",
            f"{_goal_text(each['goal'])} {verdict}".strip(),
        )
    console = Console(width=140)
    console.print(table)
    console.print("Milliseconds from before produce() to the receipt; times: slate over echo.")
    for each in rows:
        notes = [*each["notes"]]
        unanswered = each["slate"]["sent"] - each["slate"]["answered"]
        if unanswered:
            notes.append(f"{unanswered} requests without an answer count as the longest")
        if notes:
            console.print(f"{_name(each)}: {'; '.join(notes)}", soft_wrap=True)
    console.print("Cores used:")
    for each in rows:
        cores = ", ".join(f"{part} {number:.2f}" for part, number in each["cores"].items())
        console.print(f"{_name(each)}: {cores}", soft_wrap=True)
    for name, reason in not_run.items():
        console.print(f"{name}: not run: {reason}")


def _name(each: dict[str, Any]) -> str:
    return f"{each['condition']}, {each['requests_per_s']:g}/s"


def _short(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:,.0f}"


def _goal_text(goal: dict[str, float]) -> str:
    parts = [f"{goal[each]:g} x" for each in ("p50", "p99") if each in goal]
    parts += [f"{goal['longest_s']:g} s"] if "longest_s" in goal else []
    return ", ".join(parts)
