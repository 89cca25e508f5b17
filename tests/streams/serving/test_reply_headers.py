"""Reply headers of Spring and SmallRye, to topics that are allowed."""

from __future__ import annotations

import pytest

from streams.contract.events import EventError
from streams.serving.reply_headers import ReplyTo, reply_to

ALLOWED = ("replies", "shop-*")


def test_spring_names_topic_partition_and_correlation() -> None:
    headers = [
        ("kafka_replyTopic", b"shop-a"),
        ("kafka_replyPartition", b"\x00\x00\x00\x07"),
        ("kafka_correlationId", b"\xff\x00id"),
        ("other", b"x"),
    ]
    assert reply_to(headers, ALLOWED) == ReplyTo(
        "shop-a", 7, [("kafka_correlationId", b"\xff\x00id")]
    )


def test_smallrye_names_them_otherwise_and_digits_are_a_partition_too() -> None:
    headers = [
        ("REPLY_TOPIC", b"replies"),
        ("REPLY_PARTITION", b"12"),
        ("REPLY_CORRELATION_ID", b"c"),
    ]
    assert reply_to(headers, ALLOWED) == ReplyTo("replies", 12, [("REPLY_CORRELATION_ID", b"c")])


def test_without_a_topic_nothing_is_asked_for() -> None:
    assert reply_to(None, ALLOWED) is None
    assert reply_to([("kafka_correlationId", b"c")], ALLOWED) is None
    assert reply_to([("kafka_replyTopic", b"replies")], ALLOWED) == ReplyTo("replies", None, [])


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([("kafka_replyTopic", b"impressions")], "expected a topic that SLATESTREAM_REPLY_TOPICS"),
        ([("REPLY_TOPIC", b"shop\xff")], "expected a topic that SLATESTREAM_REPLY_TOPICS"),
        (
            [("kafka_replyTopic", b"replies"), ("kafka_replyPartition", b"\xff\xff\xff\xff")],
            "header kafka_replyPartition: expected 4 bytes",
        ),
        (
            [("kafka_replyTopic", b"replies"), ("kafka_replyPartition", b"seven")],
            "header kafka_replyPartition: expected 4 bytes",
        ),
    ],
)
def test_what_is_not_allowed_or_no_partition_is_refused(
    headers: list[tuple[str, bytes | None]], reason: str
) -> None:
    with pytest.raises(EventError, match=reason):
        reply_to(headers, ALLOWED)


def test_none_is_allowed_as_shipped() -> None:
    with pytest.raises(EventError):
        reply_to([("kafka_replyTopic", b"replies")], ())
