"""`slatestream request --user U`: one slate request, its answer, printed."""

import argparse
import sys
import time
import uuid

from rich.table import Table

from streams.commands import CommandError, Subparsers, UsageError, add_json
from streams.commands.explained import explain
from streams.commands.output import out
from streams.config import Settings
from streams.contract.events import (
    EventError,
    Slate,
    SlateRequest,
    decode_slate,
    decode_slate_request,
    encode,
)
from streams.contract.topics import TopicNames
from streams.kafka.client import connect
from streams.kafka.producer import EventSender
from streams.kafka.topic_reader import TopicReader

ANSWER_TIMEOUT_S = 15.0


def add_parser(subparsers: Subparsers) -> None:
    """`--user`, `--segment`, `--k`, `--candidates`, `--exclude`, `--context`, `--timeout`,
    `--explain`, `--json`.
    """
    parser = subparsers.add_parser("request", help="ask for one slate, wait for it, print it")
    parser.add_argument("--user", required=True, help="user id, the key of the request")
    parser.add_argument("--segment", help="default: made from the context, else `default`")
    parser.add_argument("--k", type=int, default=10, help="items wanted, 1 to 100 (10)")
    parser.add_argument("--candidates", nargs="+", metavar="ITEM", help="only these items")
    parser.add_argument("--exclude", nargs="+", metavar="ITEM", help="none of these items")
    parser.add_argument(
        "--context",
        nargs="+",
        metavar="FIELD=VALUE",
        default=[],
        help="what the segment is made from",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=ANSWER_TIMEOUT_S,
        help=f"seconds to wait ({ANSWER_TIMEOUT_S:g})",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="over HTTP, with the sum of each score and what could not be in the slate",
    )
    add_json(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Ask and print.

    Raises
    ------
    UsageError
        For a request that a worker would refuse.
    CommandError
        When no answer comes in time.
    """
    wanted = _request(args)
    if args.explain:
        explain(settings, wanted, args.timeout, args.json)
        return 0
    connect(settings)
    slate = ask(settings, wanted, args.timeout)
    if slate is None:
        msg = (
            f"expected a slate for {wanted.request_id} within {args.timeout:g} s, found none; "
            "is a worker running (`slatestream worker`, then `slatestream doctor`)?"
        )
        raise CommandError(msg)
    if args.json:
        sys.stdout.write(encode(slate).decode() + "\n")
    else:
        out().print(table(slate))
    return 0


def ask(settings: Settings, wanted: SlateRequest, timeout_s: float) -> Slate | None:
    """Send one request and wait for the slate that carries its id."""
    names = TopicNames(settings.topic_prefix)
    # 1. listen, 2. ask
    with TopicReader(settings.kafka_client(), names.slates, from_end=True) as reader:
        sender = EventSender(settings.kafka_client())
        sender.send(names.slate_requests, wanted.user_id.encode(), encode(wanted))
        sender.flush()
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            for message in reader.batch(0.05):
                slate = decode_slate(message.value())
                if slate.slate_id == wanted.request_id:
                    return slate
    return None


def table(slate: Slate) -> Table:
    """A slate for the eye: position, item, score, propensity and the parts of the score."""
    head = (
        f"segment {slate.segment}, policy {slate.policy} ({slate.policy_version}), encoder "
        f"{slate.encoder or 'none'}"
    )
    made = Table(title=head, title_justify="left", box=None)
    for column in ("#", "score", "propensity"):
        made.add_column(column, justify="right")
    made.add_column("item")
    made.add_column("why")
    for item in slate.items:
        why = ", ".join(f"{name} {value:.4g}" for name, value in item.why.items())
        made.add_row(
            str(item.position), f"{item.score:.4f}", f"{item.propensity:.4f}", item.item_id, why
        )
    return made


def _request(args: argparse.Namespace) -> SlateRequest:
    wrong = [pair for pair in args.context if "=" not in pair]
    if wrong:
        msg = f"expected --context FIELD=VALUE, found {wrong[0]!r}; write e.g. --context age=25-34"
        raise UsageError(msg)
    wanted = SlateRequest(
        request_id=str(uuid.uuid4()),
        user_id=args.user,
        ts=time.time(),
        k=args.k,
        segment=args.segment,
        context=dict(pair.split("=", 1) for pair in args.context) or None,
        candidates=args.candidates,
        exclude=args.exclude,
    )
    try:
        return decode_slate_request(encode(wanted))  # the same bounds as every producer's
    except EventError as error:
        raise UsageError(str(error)) from None
