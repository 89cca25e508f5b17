"""`slatestream broker [--port N]`: the embedded development broker, until Ctrl-C or SIGTERM."""

import argparse
import os
import signal
import threading
from types import FrameType

from streams.commands import Subparsers, add_json
from streams.commands.output import err, json_line, out
from streams.config import Settings
from streams.kafka.embedded_broker import ENVIRONMENT, BrokerError, EmbeddedBroker, free_port

USUAL_PORT = 9092  # where the other commands look when nothing is set
POLL_S = 0.5


def add_parser(subparsers: Subparsers) -> None:
    """`--port`, `--json`."""
    parser = subparsers.add_parser("broker", help="the embedded development broker, in memory")
    parser.add_argument(
        "--port", type=int, default=0, help="default: 9092 when it is free, else any free port"
    )
    add_json(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Start, say where it listens and what a worker on it should set, wait for a signal, stop.

    Raises
    ------
    BrokerError
        When it does not start, or ends by itself.
    """
    del settings
    wanted = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with EmbeddedBroker(args.port or free_port(USUAL_PORT)) as broker:
        if args.json:
            json_line({"bootstrap": broker.bootstrap, "environment": ENVIRONMENT})
        else:
            out().print(
                f"broker ready at {broker.bootstrap}; everything is in memory; Ctrl-C stops it"
            )
            for name, value in {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, **ENVIRONMENT}.items():
                out().print(f"export {name}={value}")
        if wanted and wanted != broker.bootstrap:
            err().print(
                f"KAFKA_BOOTSTRAP_SERVERS={wanted} is set: other commands go there, not to this "
                "broker"
            )
        while not stopped.wait(POLL_S):
            if not broker.running():
                msg = f"the embedded broker ended by itself; its log is {broker.log}"
                raise BrokerError(msg)
    return 0
