"""Reading whole topics: from their start, from their end, past aborted transactions; it is known
when all that was there is read.
"""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streams.kafka.admin import TopicsError
from streams.kafka.topic_reader import TopicReader


def make_topic(bootstrap: str, partitions: int = 3) -> str:
    topic = uuid.uuid4().hex
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)
    return topic


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % 3)
    assert producer.flush(20) == 0


def read_both_ways(bootstrap: str) -> list[bytes]:
    """What a reader from the end saw of one record that came after 2,500 others."""
    client, topic = {"bootstrap.servers": bootstrap}, make_topic(bootstrap)
    with TopicReader(client, topic) as empty:
        assert list(empty.until_end()) == []
    values = [str(number).encode() for number in range(2500)]
    produce(bootstrap, topic, values)
    with TopicReader(client, topic, from_end=True) as late, TopicReader(client, topic) as early:
        produce(bootstrap, topic, [b"new"])
        seen = [message.value() or b"" for message in late.until_end()]
        assert sorted(message.value() or b"" for message in early.until_end()) == sorted(
            [*values, b"new"]
        )
    return seen


@pytest.mark.local
def test_start_and_end_on_the_embedded_broker(local_broker: str) -> None:
    assert b"new" in read_both_ways(local_broker)


@pytest.mark.kafka
def test_start_and_end_on_apache_kafka(kafka: str) -> None:
    assert read_both_ways(kafka) == [b"new"]


@pytest.mark.kafka
def test_aborted_records_are_skipped_and_control_records_do_not_hold_the_end_back(
    kafka: str,
) -> None:
    topic = make_topic(kafka)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(20)
    for value, commit in ((b"kept", True), (b"aborted", False)):
        producer.begin_transaction()
        producer.produce(topic, value, partition=0)
        producer.flush(20)
        producer.commit_transaction(20) if commit else producer.abort_transaction(20)
    with TopicReader({"bootstrap.servers": kafka}, topic) as reader:
        assert [message.value() for message in reader.until_end()] == [b"kept"]


@pytest.mark.local
def test_a_missing_topic_is_named_with_the_command_that_makes_it(local_broker: str) -> None:
    with pytest.raises(TopicsError, match="run `slatestream topics create`"):
        TopicReader({"bootstrap.servers": local_broker}, "nobody-made-this")


@pytest.mark.local
def test_several_topics_are_at_their_end_when_all_that_was_there_is_read(local_broker: str) -> None:
    client = {"bootstrap.servers": local_broker}
    topics = [make_topic(local_broker), make_topic(local_broker)]
    with TopicReader(client, *topics) as empty:
        assert empty.at_end()
    produce(local_broker, topics[1], [str(number).encode() for number in range(30)])
    found: list[bytes] = []
    with TopicReader(client, *topics) as reader:
        assert (reader.at_end(), reader.behind()) == (False, [topics[1]])
        while not reader.at_end():
            found += [message.value() or b"" for message in reader.batch()]
        assert reader.answers()
        assert reader.lag() == 0
    assert sorted(map(int, found)) == list(range(30))


@pytest.mark.kafka
def test_a_reader_from_some_records_before_the_end_sees_those(kafka: str) -> None:
    topic = make_topic(kafka)
    produce(kafka, topic, [str(number).encode() for number in range(30)])
    with TopicReader({"bootstrap.servers": kafka}, topic, from_end=True, back=2) as reader:
        seen = sorted(int(message.value() or b"") for message in reader.until_end())
    assert seen == list(range(24, 30))


@pytest.mark.kafka
def test_what_was_committed_behind_an_open_transaction_is_part_of_the_whole(kafka: str) -> None:
    """A stopped worker's transaction hid the flushes of its successor from `stats export`."""
    topic = make_topic(kafka)
    stopped, successor = (
        Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic}-{name}"})
        for name in "ab"
    )
    for producer, value in ((stopped, b"never"), (successor, b"counted")):
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(topic, value, b"k", 0)
        assert producer.flush(20) == 0
    successor.commit_transaction(20)
    with TopicReader({"bootstrap.servers": kafka}, topic, undecided=True) as reader:
        assert not reader.batch(1.0)
        assert not reader.at_end()
        stopped.abort_transaction(20)
        assert [record.value() for record in reader.until_end()] == [b"counted"]


@pytest.mark.kafka
def test_partitions_are_read_in_turn_then_together_and_once_more_from_the_beginning(
    kafka: str,
) -> None:
    topic, other = make_topic(kafka), make_topic(kafka)
    numbers = [str(number).encode() for number in range(9000)]
    produce(kafka, topic, numbers)
    produce(kafka, other, [b"x"])

    def read(reader: TopicReader) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        while not reader.at_end():
            for record in reader.batch():
                found.append((record.topic() or "", record.partition() or 0))
        return found

    with TopicReader({"bootstrap.servers": kafka}, topic, other, in_turn=topic) as reader:
        assert reader.ends_of(topic) == {0: 3000, 1: 3000, 2: 3000}
        first = read(reader)
        assert [number for name, number in first if name == topic] == [0] * 3000 + [1] * 3000 + [
            2
        ] * 3000
        assert reader.read_to_end(topic) == {0, 1, 2}
        produce(kafka, topic, [b"a", b"b", b"c"])  # one for each partition
        later: list[int] = []
        while len(later) < 3:
            later += [record.partition() or 0 for record in reader.batch()]
        assert sorted(later) == [0, 1, 2]
        reader.again(topic)
        assert (reader.at_end(), reader.ends_of(topic)[1]) == (False, 3001)
        assert read(reader) == [(topic, 0)] * 3001 + [(topic, 1)] * 3001 + [(topic, 2)] * 3001
