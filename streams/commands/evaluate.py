"""`slatestream evaluate`: off-policy estimates; everything but this line of wiring is
in `bandits`.
"""

import argparse

from bandits.tuning import evaluate_arguments, evaluate_cli
from streams.commands import Subparsers
from streams.config import Settings


def add_parser(subparsers: Subparsers) -> None:
    """See `bandits.tuning.evaluate_arguments`."""
    evaluate_arguments.add_parser(subparsers)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Needs no broker and no setting."""
    del settings
    return evaluate_cli.run(args)
