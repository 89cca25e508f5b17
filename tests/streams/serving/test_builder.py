"""The builder: a state of what has come, no more often than it pays, and never changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from prometheus_client import generate_latest

from bandits.learning import evidence
from bandits.slates.refresh import REFRESH_S
from encoder.serving.wire import ItemEmbedding, Release, encode_record, encode_vector
from streams.contract.count_rows import DELAYS_KEY, encode_delays
from streams.serving import wanted as wanted_module
from streams.serving.builder import HEARD_EVERY_S
from streams.serving.served_state import KEPT_S, ServedState
from streams.serving.wanted import ASKED_S
from tests.streams.making import record
from tests.streams.serving.world import ITEMS, World, request, shown


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).fill()


def state(world: World) -> ServedState:
    found = world.builder.state
    assert found is not None
    return found


def pending(world: World) -> float:
    return float(state(world).world.learned.of(0).counts.pending.sum())


def test_what_has_come_is_in_the_next_state_and_the_one_before_stays_as_it_was(
    world: World,
) -> None:
    before = state(world)
    world.count("x", ITEMS[1], 1500.0)
    world.turn(after_s=60.0)
    assert state(world).number == before.number + 1
    assert state(world).world.counts.row(0)[0, 1] == 1500
    assert before.world.counts.row(0)[0, 1] == 1000


def test_a_state_is_made_when_something_changed_and_at_most_every_so_often(world: World) -> None:
    number = state(world).number
    for _ in range(5):
        world.turn(after_s=60.0)
    assert state(world).number == number
    world.count("x", ITEMS[1], 1500.0)
    world.turn()
    assert state(world).number == number + 1
    world.count("x", ITEMS[1], 1501.0)
    world.turn(after_s=REFRESH_S / 2)
    assert state(world).number == number + 1
    world.turn(after_s=60.0)
    assert state(world).number == number + 2


def test_segments_that_are_asked_for_are_prepared_at_once_and_again_with_each_state(
    world: World,
) -> None:
    world.ask(request(segment="x"))
    world.turn()
    held = state(world).prepared["x"]
    world.count("x", ITEMS[1], 1500.0)
    world.turn(after_s=10.0)
    assert state(world).prepared["x"] is not held
    assert state(world).prepared["x"].pools  # its draws are made beside the requests
    world.count("x", ITEMS[1], 1501.0)
    world.turn(after_s=ASKED_S + 1)  # nobody asks any more
    assert "x" not in state(world).prepared


def test_of_very_many_cells_a_segment_that_did_not_change_keeps_its_snapshot(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "MOST_CELLS", 10)
    world.count("y", ITEMS[1], 100.0)
    for segment in "xy":
        world.ask(request(segment=segment))
    world.turn(after_s=10.0)
    before = state(world)
    assert set(before.prepared) == {"x", "y"}
    page = generate_latest(world.metrics.registry).decode()
    assert "slatestream_evidence_by_item 1.0" in page
    assert f"slatestream_counted_pairs {len(ITEMS) + 1}.0" in page
    world.count("x", ITEMS[1], 1500.0)
    world.turn(after_s=KEPT_S - 1)
    after = state(world)
    assert after.number == before.number + 1
    assert after.prepared["y"] is before.prepared["y"]
    assert after.prepared["x"] is not before.prepared["x"]
    assert after.world.counts.segments[1] is before.world.counts.segments[1]
    world.count("x", ITEMS[1], 1600.0)
    world.turn(after_s=2.0)
    assert state(world).prepared["y"] is not before.prepared["y"]
    best = [shown(world.ask(request(f"r{n}", segment="x", k=1)))[0] for n in range(40)]
    assert best.count(ITEMS[0]) > 30


def test_large_catalogues_hold_fewer_segments(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wanted_module, "MAX_CELLS", 2 * len(ITEMS))
    for number, segment in enumerate("stu"):
        world.count(segment, ITEMS[0], 1.0)
        world.now_s += number
        world.ask(request(segment=segment))
    world.turn(after_s=10.0)
    assert set(state(world).prepared) == {"t", "u"}


def test_a_release_comes_in_whole_with_the_next_state(world: World) -> None:
    for number, item in enumerate(ITEMS):
        vector = encode_vector(np.eye(len(ITEMS), dtype=np.float32)[number])
        value = encode_record(ItemEmbedding(item, "v1", vector))
        world.log.records.append(record(value, item.encode(), "item-embeddings"))
    release = Release("v1", len(ITEMS), len(ITEMS), "v1", "0" * 64, 1.0, {})
    world.log.records.append(record(encode_record(release), b"v1", "encoder-releases"))
    world.turn(after_s=60.0)
    vectors = state(world).world.catalogue.vectors
    assert state(world).world.encoder == "v1"
    assert vectors is not None
    assert np.array_equal(vectors, np.eye(len(ITEMS), dtype=np.float32))


def test_delays_of_clicks_are_learned_from_the_log(world: World) -> None:
    """All clicks come within 0.2 s: an impression of ten seconds ago has none under way."""
    world.turn(after_s=60.0)
    world.count("x", ITEMS[1], 2000.0)
    world.turn(after_s=10.0)
    before = pending(world)
    delays = encode_delays([(0.2, world.now_s - 100.0)] * 2000)
    world.changelog(DELAYS_KEY, delays)
    world.count("x", ITEMS[2], 1001.0)
    world.turn(after_s=10.0)
    assert pending(world) < before / 10


def test_counts_are_as_old_as_the_last_answer_of_the_brokers(world: World) -> None:
    """While they are away the process is not ready, and its slates say how old they are."""
    assert world.builder.missing() == [] or world.builder.heard_s == world.now_s
    heard_s = world.now_s
    world.log.there = False
    world.turn(after_s=HEARD_EVERY_S + 1)
    world.turn(after_s=60.0)
    assert world.builder.heard_s == heard_s
    assert "no answer from the brokers" in world.builder.missing()[0]
    world.log.there = True
    world.turn(after_s=HEARD_EVERY_S + 1)
    assert world.builder.heard_s == world.now_s


def test_before_everything_is_read_it_says_what_is_missing(tmp_path: Path) -> None:
    (reason,) = World(tmp_path).builder.missing()
    assert "items" in reason
    assert reason.endswith("not read to the end yet")


def test_segments_that_requests_invent_are_not_remembered_without_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wanted_module, "MAX_SEGMENTS", 5)
    for number in range(50):
        world.ask(request(segment=f"invented-{number}"))
    world.ask(request(segment="x"))
    assert len(world.builder._wanted.segments()) == 5 + 1
    world.turn()
    assert "x" in state(world).prepared


def test_a_combination_without_counts_starts_from_its_values(tmp_path: Path) -> None:
    """Who is old clicks item 1 and who is young item 2, in two cities; a third city has the old."""
    world = World(tmp_path, fields="age,city")
    for item in ITEMS:
        world.describe(item)
        for age, liked in (("old", ITEMS[1]), ("young", ITEMS[2])):
            for city in ("A", "B"):
                clicks = 200.0 if item == liked else 10.0
                world.count(f"age={age},city={city}", item, 1000.0, clicks)
    world.count("age=young,city=C", ITEMS[0], 1.0)
    world.turn()
    for age, liked in (("old", ITEMS[1]), ("young", ITEMS[2])):
        asked = request(f"r-{age}", context={"age": age, "city": "C"}, k=1)
        assert world.waits(asked)
        world.turn()
        slate = world.ask(asked)
        assert slate.segment == f"age={age},city=C"
        assert shown(slate) == [liked]
        assert slate.items[0].why["mean"] > 0.1
    prepared = set(state(world).prepared)
    assert len(prepared) == 2  # cities do not matter
    for unknown in ("age=other,city=D", "front page", "default"):
        assert not world.waits(request(segment=unknown))
        world.turn()
    assert set(state(world).prepared) <= prepared
