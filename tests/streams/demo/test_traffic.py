"""Traffic: what a visit sends, against a worker of a few lines that answers with fixed slates."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import numpy as np
import pytest

from streams import cli
from streams.config import Settings, load_settings
from streams.contract.events import (
    Slate,
    SlateItem,
    SlateRequest,
    decode_click,
    decode_impression,
    decode_slate_request,
    encode,
)
from streams.demo.traffic import K, drive
from streams.demo.world import World, invented
from streams.kafka.producer import EventSender
from streams.kafka.topic_reader import TopicReader

pytestmark = pytest.mark.local


@pytest.fixture
def settings(local_broker: str, capsys: pytest.CaptureFixture[str]) -> Settings:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": local_broker,
        "SLATESTREAM_TOPIC_PREFIX": f"{uuid.uuid4().hex}.",
        "SLATESTREAM_TOPIC_PARTITIONS": "2",
    }
    assert cli.main(["topics", "create"], env) == 0
    return load_settings(env)


@pytest.fixture
def answers(settings: Settings) -> Iterator[list[SlateRequest]]:
    """A worker that shows items 0 and 1 to everybody, twice, as after a crash; the requests that it
    saw.
    """
    seen: list[SlateRequest] = []
    stop = threading.Event()
    prefix = settings.topic_prefix

    def work() -> None:
        sender = EventSender(settings.kafka_client())
        with TopicReader(settings.kafka_client(), f"{prefix}slate-requests") as reader:
            while not stop.is_set():
                for message in reader.batch(0.05):
                    wanted = decode_slate_request(message.value())
                    seen.append(wanted)
                    items = [SlateItem(f"i{n}", n, 1.0, 0.5, {}) for n in range(2)]
                    slate = Slate(
                        wanted.request_id,
                        wanted.request_id,
                        wanted.user_id,
                        "g",
                        "s",
                        "base",
                        "p",
                        "v",
                        "enc-1",
                        1.0,
                        items,
                        1.0,
                    )
                    for _ in range(2):
                        sender.send(f"{prefix}slates", wanted.user_id.encode(), encode(slate))
        sender.flush()

    worker = threading.Thread(target=work)
    worker.start()
    yield seen
    stop.set()
    worker.join()


def world() -> World:
    """Item i0 is always clicked, i1 never."""
    made = invented([{"item_id": f"i{n}"} for n in range(3)], [], np.random.default_rng(0))
    rates = np.tile([1.0, 0.0, 0.5], (len(made.segments), 1))
    return made._replace(rates=rates, late=np.array([False, True, False]))


def test_each_visit_is_one_request_one_impression_and_the_clicks_of_its_rates(
    settings: Settings, answers: list[SlateRequest]
) -> None:
    progress: list[int] = []
    stage = world()
    traffic = drive(
        stage, settings, 0.5, np.random.default_rng(0), lambda visits, _: progress.append(visits)
    )
    visits = len(traffic.clicks)
    assert visits == len(answers) == progress[-1] > 0
    assert (traffic.unanswered, traffic.empty, traffic.swaps) == (0, 0, (("enc-1", 0),))
    assert traffic.clicks.tolist() == [1.0] * visits
    assert traffic.base.all()
    came = traffic.came
    assert (came.items, came.shown) == (1, 1)  # i1, which the worker shows with or without it
    assert came.at_visit < visits
    assert came.places == visits - came.at_visit
    assert (came.share, came.earned, came.others_earned) == (0.5, 0, 1000)
    with TopicReader(settings.kafka_client(), f"{settings.topic_prefix}items") as reader:
        assert [message.key() for message in reader.until_end()] == [b"i1"]
    assert len({wanted.request_id for wanted in answers}) == visits
    people = {person.user_id: person for person in stage.visitors}
    assert all(
        wanted.k == K and wanted.context == people[wanted.user_id].context for wanted in answers
    )
    with TopicReader(settings.kafka_client(), f"{settings.topic_prefix}impressions") as reader:
        seen = [
            (message.key(), decode_impression(message.value())) for message in reader.until_end()
        ]
    with TopicReader(settings.kafka_client(), f"{settings.topic_prefix}clicks") as reader:
        clicks = [(message.key(), decode_click(message.value())) for message in reader.until_end()]
    assert len(seen) == visits
    assert len(clicks) == visits
    assert all(key == event.user_id.encode() for key, event in [*seen, *clicks])
    # of the whole slate
    assert {(event.item_id, event.items) for _, event in seen} == {(None, None)}
    assert {event.slate_id for _, event in seen} == {wanted.request_id for wanted in answers}
    assert {event.item_id for _, event in clicks} == {"i0"}


def test_requests_without_an_answer_are_counted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.demo.traffic.LAST_ANSWERS_S", 0.1)
    monkeypatch.setattr("streams.demo.traffic.IN_FLIGHT", 7)
    traffic = drive(world(), settings, 0.2, np.random.default_rng(0), lambda *_: None)
    assert (len(traffic.clicks), traffic.unanswered) == (0, 7)
