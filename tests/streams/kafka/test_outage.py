"""Brokers that are away: said once, every 30 s, and once when they are back; other lines pass."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError

from streams.kafka.outage import AGAIN_S, QUIET_S, Outage, broker_error, complaints


class World:
    """A clock, brokers that answer or not, and what is said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self.answer = False
        self.outage = Outage(lambda: self.answer, lambda: self.now_s)
        monkeypatch.setattr(self.outage, "_start_looking", lambda: None)

    def line(self, name: str, text: str, level: int = logging.ERROR) -> str | None:
        """What is said of a line."""
        record = logging.LogRecord(name, level, "", 0, text, (), None)
        first = self.outage.filter(record)
        assert self.outage.filter(record) == first  # by a second handler
        return record.getMessage() if first else None


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


REFUSED = "Unable connect to node with id 1: [Errno 111] Connect call failed"


def test_an_outage_is_said_once_then_every_30_seconds(world: World) -> None:
    said = world.line("aiokafka.client", REFUSED)
    assert said is not None
    assert said == f"brokers cannot be reached (said again every 30 s until they answer): {REFUSED}"
    for _ in range(50):
        assert world.line("aiokafka.client", REFUSED) is None
        assert world.line(complaints.name, "1/1 brokers are down") is None
    world.now_s += AGAIN_S
    said = world.line(complaints.name, "Connection refused")
    assert said is not None
    assert "for 30 s now, 100 lines like this left out" in said
    assert world.line("aiokafka.client", REFUSED) is None


def test_its_end_is_said_once_when_nothing_complains_and_the_brokers_answer(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    assert world.outage.over()  # there was none
    world.line("aiokafka.client", REFUSED)
    world.now_s += 60
    world.line("aiokafka.client", REFUSED)
    world.answer = True
    assert not world.outage.over()  # a client has just complained
    world.now_s += QUIET_S
    world.answer = False
    assert not world.outage.over()  # nobody complains, but nobody answers
    world.answer = True
    assert world.outage.over()
    assert "the brokers answer again, after 60 s" in caplog.text
    assert world.outage.over()
    assert caplog.text.count("answer again") == 1
    assert world.line("aiokafka.client", REFUSED) is not None  # the next one


@pytest.mark.parametrize(
    ("name", "text", "level"),
    [
        ("streams.counting.store", REFUSED, logging.ERROR),
        ("aiokafka.consumer.fetcher", "OffsetOutOfRangeError", logging.ERROR),
        ("aiokafka.consumer", "Topic authorization failed", logging.ERROR),
        ("aiokafka.client", REFUSED, logging.INFO),
    ],
)
def test_other_lines_pass_as_they_are(world: World, name: str, text: str, level: int) -> None:
    for _ in range(3):
        assert world.line(name, text, level) == text


def test_a_client_without_logging_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    broker_error(KafkaError(KafkaError._TRANSPORT, "Connection refused"))
    assert capfd.readouterr() == ("", "")
