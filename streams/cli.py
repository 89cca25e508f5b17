"""`slatestream COMMAND` and `python -m streams COMMAND`.

Exit status: 0 done, 1 failed, 2 wrong usage (a setting counts as usage). An error is one line on
stderr.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from streams import __version__
from streams.commands import COMMANDS, Command, CommandError, UsageError
from streams.config import SettingsError, load_settings
from streams.tokens import TokenError

SHELLS = ("bash", "zsh", "tcsh")
DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv
        Arguments without the program's name; those of the process when left out.
    environ
        Where settings are read; the environment of the process when left out.

    Returns
    -------
    int
        The exit status.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = _named(arguments)
    try:
        settings = load_settings(os.environ if environ is None else environ) if command else None
        if command is not None and command.hands_on:
            return int(_module(command).run(arguments[1:], settings))
        args = parser(command).parse_args(arguments)
        chosen = next(each for each in COMMANDS if each.name == args.command)
        status = int(_module(chosen).run(args, settings))
        sys.stdout.flush()  # here, where a closed pipe is expected
        return status
    except SystemExit:
        # argparse has said it all; named first, so that nothing below is imported for it
        raise
    except TokenError as error:
        return _complain(error, FAILED)
    except (SettingsError, UsageError) as error:
        return _complain(error, WRONG_USAGE)
    except _policy_errors() as error:  # the policy file is a setting
        return _complain(error, WRONG_USAGE)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except _expected_errors() as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _named(arguments: Sequence[str]) -> Command | None:
    name = arguments[0] if arguments else ""
    return next((command for command in COMMANDS if command.name == name), None)


def parser(chosen: Command | None) -> argparse.ArgumentParser:
    """All commands by name; the arguments of the chosen one only, so that the others stay
    unimported.
    """
    return _parser([] if chosen is None else [chosen])


def _parser(imported: Sequence[Command]) -> argparse.ArgumentParser:
    # one screen of 24 lines: tested
    made = argparse.ArgumentParser(
        prog="slatestream",
        description="Recommendations that learn from clicks. Settings: docs/operations.md.",
        formatter_class=_OneScreen,
    )
    made.add_argument("--version", action="version", version=f"slatestream {__version__}")
    made.add_argument(
        "--completion",
        choices=SHELLS,
        action=_Completion,
        help="completion for a shell: bash, zsh or tcsh",
        metavar="SHELL",
    )
    subparsers = made.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    for command in COMMANDS:
        if command in imported:
            _module(command).add_parser(subparsers)
        else:
            subparsers.add_parser(command.name, help=command.help, add_help=False)
    return made


class _OneScreen(argparse.HelpFormatter):
    """Without the line that says COMMAND above the commands."""

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        return text.partition("\n")[2] if action.nargs == argparse.PARSER else text


class _Completion(argparse.Action):
    """Print a script that completes commands and their options, and end."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        try:
            import shtab
        except ImportError:
            msg = "expected the package shtab, found none; install slatestream[completion]"
            raise CommandError(msg) from None
        whole = _parser([each for each in COMMANDS if not each.hands_on])
        sys.stdout.write(shtab.complete(whole, shell=values) + "\n")
        whole.exit()


def _module(command: Command) -> Any:
    return importlib.import_module(command.module)


def _policy_errors() -> type[Exception]:
    from bandits.slates.config import ConfigError

    return ConfigError


def _expected_errors() -> tuple[type[Exception], ...]:
    """Failures that users can mend: each carries one sentence. Anything else keeps its
    traceback.
    """
    from confluent_kafka import KafkaException

    from streams.kafka.admin import TopicsError
    from streams.kafka.client import BrokerUnreachable
    from streams.kafka.embedded_broker import BrokerError
    from streams.kafka.required_rights import RightsError

    return (
        CommandError,
        BrokerError,
        BrokerUnreachable,
        RightsError,
        TopicsError,
        KafkaException,
        OSError,
    )


def _complain(error: Exception, status: int) -> int:
    first = error.args[0] if error.args else error
    # a KafkaError says it shortest itself
    text = first.str() if hasattr(first, "str") else str(error)
    sys.stderr.write(f"slatestream: {' '.join(text.split())}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
