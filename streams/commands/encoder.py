"""`slatestream encoder ...`: the batch side, which knows nothing of this package; brokers and
topics are handed to it.
"""

import argparse

from encoder.release import cli
from streams.commands import Subparsers
from streams.config import Settings
from streams.contract.topics import TopicNames


def add_parser(subparsers: Subparsers) -> None:
    """The arguments of `encoder.release.cli`."""
    cli.add_parser(subparsers)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Hand over the brokers and the names of the topics."""
    return cli.run(args, settings.kafka_client(), TopicNames(settings.topic_prefix))
