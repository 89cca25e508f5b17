"""What brokers answer to an admin client: with words where no answer comes.

A future that waits in vain raises a `TimeoutError` without a text, which tells nobody anything.
"""

from concurrent.futures import Future
from typing import TypeVar

from streams.kafka.client import BrokerUnreachable

ANSWER_TIMEOUT_S = 30.0  # above the 20 s that requests have: their own error says more
Answer = TypeVar("Answer")


def answer(future: "Future[Answer]", what: str) -> Answer:
    """What was answered to the request for `what`.

    Raises
    ------
    KafkaException
        As the brokers, or the client, refused it.
    BrokerUnreachable
        When nothing came within `ANSWER_TIMEOUT_S`.
    """
    try:
        return future.result(ANSWER_TIMEOUT_S)
    except TimeoutError:
        msg = (
            f"expected an answer of the brokers to the request for {what} within "
            f"{ANSWER_TIMEOUT_S:g} s, found none; try again, and look at the brokers' load"
        )
        raise BrokerUnreachable(msg) from None
