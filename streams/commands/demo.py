"""`slatestream demo [--keep] [--seconds N]`: the whole system on one machine, on real
click data.
"""

import argparse
import os
import signal
import sys
from types import FrameType
from typing import Any

import msgspec

from streams.commands import CommandError, Subparsers, UsageError, add_json
from streams.commands.output import err, json_line, out
from streams.config import Settings

SECONDS = 30.0  # of visits; with everything around them well under 90 s on two cores


def add_parser(subparsers: Subparsers) -> None:
    """`--keep`, `--seconds`, `--json`."""
    parser = subparsers.add_parser(
        "demo", help="the whole system on this machine, on real data, in about a minute"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave worker and dashboard up until Ctrl-C"
    )
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"seconds of visits ({SECONDS:g})"
    )
    add_json(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Status 0 when the slates were learned (above random beyond chance), all requests answered and
    the replay counted exactly.

    Raises
    ------
    UsageError
        For less than a second.
    CommandError
        When a part of the system did not come up, with what it said last.
    """
    del settings  # the demo makes its own, over the environment
    if not args.seconds >= 1:
        msg = f"expected --seconds of at least 1, found {args.seconds:g}"
        raise UsageError(msg)
    from streams.demo.run import run as run_demo
    from streams.demo.stage import StageError

    signal.signal(signal.SIGTERM, _leave)
    try:
        outcome = run_demo(
            os.environ, args.seconds, args.keep, err() if args.json else out(), err()
        )
    except StageError as error:
        raise CommandError(str(error)) from None
    if args.json:
        plain: dict[str, Any] = outcome._asdict()
        plain["lift"] = None if outcome.lift is None else msgspec.to_builtins(outcome.lift)
        plain["new_items"] = outcome.new_items._asdict()
        plain["windows"] = [_window(window) for window in outcome.windows]
        json_line(plain)
    return 0 if outcome.ok else 1


def _window(window: Any) -> dict[str, Any]:
    return {
        name: value._asdict() if hasattr(value, "_asdict") else value
        for name, value in window._asdict().items()
    }


def _leave(signum: int, frame: FrameType | None) -> None:
    """SIGTERM unwinds like any exit: worker, broker and directory are taken down."""
    sys.exit(128 + signum)
