"""The commands of `slatestream`: one file each, with `add_parser(subparsers)` and
`run(args, settings) -> int`.

A new command is one file and one line in `COMMANDS`. Only the module of the command that was asked
for is imported.
"""

import argparse
from typing import NamedTuple, TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class CommandError(RuntimeError):
    """What a command could not do, as one line: what was expected, what was found, what to do."""


class UsageError(CommandError):
    """Arguments that contradict each other or are out of range."""


class Command(NamedTuple):
    """A row of `slatestream --help`. One that `hands_on` gets its arguments unparsed."""

    name: str
    help: str
    hands_on: bool = False

    @property
    def module(self) -> str:
        """Where its `add_parser` and `run` are."""
        return f"streams.commands.{self.name.replace('-', '_')}"


COMMANDS = (
    Command("demo", "the whole system on this machine, on real data"),
    Command("worker", "the Faust worker; arguments go to Faust (worker --help)", hands_on=True),
    Command("serve", "a serving process alone: Kafka, HTTP, dashboard"),
    Command("broker", "the embedded development broker, in memory"),
    Command("topics", "create the topics, or report every difference"),
    Command("produce", "JSON lines to a topic, keyed as the contract says"),
    Command("slates", "read the response topic"),
    Command("dead-letters", "read what was refused and why; send mended ones again"),
    Command("request", "ask for one slate, wait for it, print it"),
    Command("stats", "the global counts; what became of slates by variant"),
    Command("encoder", "the batch side: train, compress, evaluate, publish, refresh, rollback"),
    Command("evaluate", "off-policy estimates of policies on a log"),
    Command("doctor", "check settings, broker, topics, disk; say what to mend"),
)


def add_json(parser: argparse.ArgumentParser) -> None:
    """The flag that all commands with output share."""
    parser.add_argument(
        "--json", action="store_true", help="machine-readable lines instead of text"
    )
