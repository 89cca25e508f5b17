"""A first connection to the brokers, with a plain answer when nobody is there.

librdkafka retries for ever and says so on stderr; a command needs one sentence within seconds
instead.
"""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.config import Settings

CONNECT_TIMEOUT_S = 5.0


class BrokerUnreachable(RuntimeError):
    """No broker answered in time."""


def connect(settings: Settings, timeout_s: float = CONNECT_TIMEOUT_S) -> AdminClient:
    """An admin client whose brokers have answered.

    Raises
    ------
    BrokerUnreachable
        When none of `KAFKA_BOOTSTRAP_SERVERS` answers within `timeout_s`, or they refuse the login.
    """
    admin = AdminClient({**settings.kafka_client(), "log_level": 0})
    try:
        admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        msg = (
            f"expected a Kafka broker at {settings.bootstrap_servers} "
            f"({settings.security_protocol}), found no usable answer "
            f"within {timeout_s:g} s ({error.args[0].str()}); start one (`slatestream broker`) "
            "or set KAFKA_BOOTSTRAP_SERVERS"
        )
        raise BrokerUnreachable(msg) from None
    return admin
