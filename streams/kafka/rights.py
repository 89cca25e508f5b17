"""Rights: a broker that refuses says "Topic authorization failed" and not which topic; here the
resource is put to it.

    with rights_on("topic clicks"):
        ...
    KafkaException: expected the rights of this role on topic clicks, found Broker: Topic
    authorization failed; ...
"""

import contextlib
from collections.abc import Iterator

from confluent_kafka import KafkaError, KafkaException, Message

_REFUSALS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
TABLE = "the table of ACLs in docs/operations.md"


def denied(error: object) -> bool:
    """Whether this is a right that is missing."""
    if isinstance(error, KafkaException):
        error = error.args[0]
    return isinstance(error, KafkaError) and error.code() in _REFUSALS


def named(error: KafkaError, resource: str) -> KafkaError:
    """The error itself, or, where a right is missing, one that says on what."""
    if not denied(error) or resource in error.str():
        return error
    sentence = (
        f"expected the rights of this role on {resource}, found {error.str()}; give them to this "
        f"user, see {TABLE}"
    )
    return KafkaError(error.code(), sentence)


def resource_of(message: Message, group: str) -> str:
    """What an error that a consumer hands out is about: its topic, or the group."""
    return f"topic {message.topic()} (Read)" if message.topic() else f"group {group} (Describe)"


@contextlib.contextmanager
def rights_on(resource: str) -> Iterator[None]:
    """What is raised within, with the resource where a right is missing.

    Raises
    ------
    KafkaException
        As it came, or with a sentence that names the resource.
    """
    try:
        yield
    except KafkaException as failure:
        error = failure.args[0]
        if not denied(error):
            raise
        raise KafkaException(named(error, resource)) from None
