"""A right that is missing gets its resource; every other error stays as it came."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.kafka.rights import denied, named, rights_on

REFUSED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
OTHER = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)


def test_a_missing_right_is_told_from_other_errors() -> None:
    assert denied(REFUSED)
    assert denied(KafkaException(REFUSED))
    assert denied(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))
    assert denied(KafkaError(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED))
    for other in (OTHER, KafkaException(OTHER), ValueError("29"), None):
        assert not denied(other)


def test_it_gets_its_resource_once_and_keeps_its_code() -> None:
    once = named(REFUSED, "topic clicks")
    assert once.code() == REFUSED.code()
    assert once.str() == (
        "expected the rights of this role on topic clicks, found Broker: Topic authorization "
        "failed; give them to this user, see the table of ACLs in docs/operations.md"
    )
    assert named(once, "topic clicks").str() == once.str()
    assert named(OTHER, "topic clicks") is OTHER


def test_what_is_raised_within_is_named() -> None:
    with pytest.raises(KafkaException) as refused, rights_on("group g"):
        raise KafkaException(REFUSED)
    assert "on group g, found" in refused.value.args[0].str()
    with pytest.raises(KafkaException) as other, rights_on("group g"):
        raise KafkaException(OTHER)
    assert other.value.args[0] is OTHER
