"""Reading whole topics and writing all or nothing, on Apache Kafka and on the embedded broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Producer

from encoder.corpus import kafka_log as log
from encoder.corpus.kafka_log import LogError, Record, read_topic, write_transaction
from encoder.release.shelf import Shelf


def records(topic: str, n: int, value: bytes = b"v") -> list[Record]:
    return [Record(topic, f"key-{i}", value) for i in range(n)]


def test_what_was_written_is_read_from_the_beginning(shelf: Shelf) -> None:
    topic = shelf.topics.item_embeddings
    assert write_transaction(shelf.client, "w", records(topic, 5_000)) == 5_000
    assert sorted(read_topic(shelf.client, topic)) == sorted(
        (f"key-{i}".encode(), b"v") for i in range(5_000)
    )


def test_empty_topic_ends_at_once(shelf: Shelf) -> None:
    assert list(read_topic(shelf.client, shelf.topics.items)) == []


def test_order_of_one_key_is_kept(shelf: Shelf) -> None:
    topic = shelf.topics.items
    write_transaction(shelf.client, "w", [Record(topic, "a", str(i).encode()) for i in range(50)])
    write_transaction(shelf.client, "w", [Record(topic, "a", b"last")])
    assert [value for _, value in read_topic(shelf.client, topic)] == [
        *(str(i).encode() for i in range(50)),
        b"last",
    ]


def test_failure_between_two_records_leaves_nothing(shelf: Shelf) -> None:
    def breaks() -> Iterator[Record]:
        yield from records(shelf.topics.item_embeddings, 3_000)
        yield Record(shelf.topics.encoder_releases, "v1", b"record")
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_transaction(shelf.client, "w", breaks())
    assert list(read_topic(shelf.client, shelf.topics.item_embeddings)) == []
    assert list(read_topic(shelf.client, shelf.topics.encoder_releases)) == []
    assert write_transaction(shelf.client, "w", records(shelf.topics.item_embeddings, 2)) == 2
    assert len(list(read_topic(shelf.client, shelf.topics.item_embeddings))) == 2


def read_while_undecided(shelf: Shelf, decide: Callable[[Producer], None]) -> list[bytes | None]:
    """What is read from before the moment when the transaction on the topic is decided; asserts
    that it was waited for.
    """
    topic = shelf.topics.items
    write_transaction(shelf.client, "before", records(topic, 10))
    other = Producer({**shelf.client, "transactional.id": f"{topic}-other"})
    other.init_transactions()
    other.begin_transaction()
    for i in range(100):
        other.produce(topic, b"late", f"late-{i}")
    other.flush()
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(list, read_topic(shelf.client, topic))
        with pytest.raises(TimeoutError):
            read.result(1.0)
        decide(other)
        return [value for _, value in read.result(20.0)]


def test_reader_waits_for_what_is_about_to_be_committed(shelf: Shelf) -> None:
    assert (
        sorted(map(str, read_while_undecided(shelf, Producer.commit_transaction)))
        == ["b'late'"] * 100 + ["b'v'"] * 10
    )


@pytest.mark.kafka
def test_reader_waits_for_what_is_about_to_be_aborted(kafka_shelf: Shelf) -> None:
    """Not on the embedded broker, which shows aborted records to a reader that waited for them."""
    assert read_while_undecided(kafka_shelf, Producer.abort_transaction) == [b"v"] * 10


def test_missing_topic_is_named(shelf: Shelf) -> None:
    with pytest.raises(LogError, match=r"topic nowhere: .*slatestream topics create"):
        list(read_topic(shelf.client, "nowhere"))


def test_unreachable_broker_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SILENCE_S", 1.0)
    nobody = {"bootstrap.servers": "127.0.0.1:1"}
    with pytest.raises(LogError, match="check KAFKA_BOOTSTRAP_SERVERS"):
        list(read_topic(nobody, "items"))
    with pytest.raises(LogError, match="nothing was written, try again"):
        write_transaction(nobody, "w", [])
