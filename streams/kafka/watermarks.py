"""Range of a partition: its first offset and its end, as the broker has them now."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.kafka.rights import rights_on

CALL_TIMEOUT_S = 20.0
AGAIN_S = 0.1
_WITHOUT_LEADER = {"NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE"}


def measure_range(consumer: Consumer, topic: str, number: int) -> tuple[int, int]:
    """First offset and end; the end is that of committed records where the consumer reads only
    those.

    A topic that was just made, or whose broker has just come back, has no leader yet: it is asked
    again for `CALL_TIMEOUT_S` seconds.

    Raises
    ------
    KafkaException
        For an error that does not pass.
    """
    deadline = time.monotonic() + CALL_TIMEOUT_S
    while True:
        try:
            with rights_on(f"topic {topic}"):
                low, end = consumer.get_watermark_offsets(
                    TopicPartition(topic, number), timeout=CALL_TIMEOUT_S
                )
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if (
                not (error.retriable() or error.name() in _WITHOUT_LEADER)
                or time.monotonic() > deadline
            ):
                raise
            time.sleep(AGAIN_S)
        else:
            return int(low), int(end)
