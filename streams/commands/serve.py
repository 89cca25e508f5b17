"""`slatestream serve`: a serving process alone."""

import argparse
import asyncio
import sys

from bandits.slates.config_file import load_policy_file
from streams.commands import Subparsers
from streams.config import Settings, check_http_port
from streams.logs import start_logging


def add_parser(subparsers: Subparsers) -> None:
    """`--with-stdin`."""
    parser = subparsers.add_parser(
        "serve", help="a serving process alone: slate requests from Kafka, HTTP"
    )
    parser.add_argument(
        "--with-stdin",
        action="store_true",
        help="end when standard input is closed, as the child of a worker does",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Answer until SIGTERM or SIGINT.

    Raises
    ------
    SettingsError, ConfigError, TopicsError, BrokerUnreachable
        If the port, the policy file, topics or brokers cannot be used.
    """
    from streams.kafka.names import serving_group
    from streams.kafka.outage import limit_complaints
    from streams.serving.process import ServingProcess
    from streams.worker.leaving import leave_group

    start_logging(settings.log_format)
    limit_complaints(settings)
    check_http_port(settings.http_port, "SLATESTREAM_HTTP_PORT", settings.http_host)
    policy_file = load_policy_file(settings.policy_file)

    async def serve() -> None:
        group = serving_group(settings)
        process = ServingProcess(
            settings, policy_file, lambda member: leave_group(settings, group, member)
        )
        await process.run(sys.stdin.buffer if args.with_stdin else None)

    asyncio.run(serve())
    return 0
