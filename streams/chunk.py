"""Chunk: all records of one partition from one poll, which travel through Faust as one message."""

from typing import Any, NamedTuple


class Chunk(NamedTuple):
    """Records in order, with what the store needs to know before it counts them."""

    source: str  # impressions, clicks or slate-requests: without the topic prefix
    topic: str
    partition: int
    records: list[Any]  # confluent_kafka.Message
    start: int  # position before the first record
    end: int  # position after the last record
    session: int  # of the reader; the store refuses another one's
