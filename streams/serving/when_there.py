"""A reader of topics that may not be there yet, or whose brokers may be away."""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException

from streams.kafka.admin import TopicsError
from streams.kafka.topic_reader import TopicReader

log = logging.getLogger(__name__)

AGAIN_S = 1.0  # until topics that are not there, or brokers that are away, are tried again


def open_when_there(
    client: Mapping[str, Any], topics: Iterable[str], in_turn: str, stopping: threading.Event
) -> TopicReader | None:
    """A reader at the beginning of its topics, once these are there; None: stopped."""
    said = ""
    while not stopping.is_set():
        try:
            return TopicReader(client, *topics, patient=True, in_turn=in_turn)
        except (KafkaException, TopicsError) as error:
            reason = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            if reason != said:
                said = reason
                log.warning("waiting for topics to follow: %s", reason)
            stopping.wait(AGAIN_S)
    return None
