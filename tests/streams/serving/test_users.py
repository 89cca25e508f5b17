"""Users: what comes of events, in whatever order and however often they come, and how it changes
slates.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from prometheus_client import generate_latest

from bandits.learning.user_effects import UserEffects
from bandits.slates.config import DEFAULT
from bandits.slates.variants import only
from streams.contract.events import Click, Impression, SeenItem, Slate
from streams.contract.topics import TopicNames
from streams.serving import users as users_module
from streams.serving.counts_view import Index
from streams.serving.replay import replay
from streams.serving.users import LoggedItem, LoggedSlate, Users, user_vector
from streams.serving.users_follower import UsersFollower
from tests.streams.making import START_S, record
from tests.streams.serving.world import ITEMS, World, request, shown

NAMES = TopicNames("")


def make(*names: str) -> Users:
    items = Index()
    for name in names or "abc":
        items.number(name)
    return Users(items, only(DEFAULT))


def slate(name: str = "s", items: str = "abc") -> LoggedSlate:
    return LoggedSlate(name, [LoggedItem(item, at, {"mean": 0.1}) for at, item in enumerate(items)])


def seen(name: str = "s", **fields: object) -> Impression:
    return Impression(name, "anna", START_S, **fields)  # type: ignore[arg-type]


def times(users: Users) -> dict[int, float]:
    history = users.history("anna", 10.0, 100)
    if history is None:
        return {}
    return dict(zip(history.items.tolist(), history.times.tolist(), strict=True))


@pytest.mark.parametrize(
    "impression",
    [seen(), seen(items=["a", "b", "c"]), seen(items=[SeenItem("a"), "b", SeenItem("c", 2)])],
)
def test_an_impression_counts_once_per_item_and_slate(impression: Impression) -> None:
    users = make()
    users.offered(slate(), 1.0)
    for _ in range(3):
        users.seen(impression, 2.0)
    users.seen(seen(item_id="a", position=0), 2.0)
    assert times(users) == {0: 1, 1: 1, 2: 1}


def test_an_impression_that_comes_before_its_slate_waits_for_it() -> None:
    users = make()
    users.seen(seen(), 1.0)
    assert not users.knows("anna")
    users.offered(slate(), 2.0)
    assert times(users) == {0: 1, 1: 1, 2: 1}


def test_slates_of_others_count_too_and_unknown_items_do_not() -> None:
    users = make()
    users.seen(seen("theirs", items=["a", "unknown"]), 1.0)
    users.clicked(Click("theirs", "anna", "unknown", 1.0))
    users.clicked(Click("theirs", "anna", "b", 1.0, kind="conversion"))
    assert times(users) == {0: 1}


def test_what_clients_can_invent_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users_module, "SLATES_KEPT", 5)
    monkeypatch.setattr(users_module, "EARLY_KEPT", 5)
    users = make()
    for number in range(50):
        users.offered(slate(f"s{number}"), 1.0)
        users.seen(seen(f"invented-{number}"), 1.0)
    assert len(users._slates) == len(users._early) == 5


def test_read_back_is_taken_in_by_the_records_times() -> None:
    """A click that is read before its impression and slate, of which it came last."""
    users = make()
    follower = UsersFollower({}, NAMES, 1, users)
    encode = msgspec.json.encode
    records = [
        record(encode(Click("s", "anna", "b", START_S)), topic="clicks", at_ms=3000),
        record(b"{broken", topic="clicks", at_ms=3000),
        record(encode(seen()), topic="impressions", at_ms=2000),
        record(encode(slate()), topic="slates", at_ms=1000),
        record(None, topic="slates", at_ms=1000),
    ]
    follower.take(follower.events(records))
    assert times(users) == {0: 1, 1: 0, 2: 1}
    history = users.history("anna", 10.0, 100)
    assert history is not None
    assert history.clicked.tolist() == [1]


def test_a_vector_is_that_of_the_last_clicks() -> None:
    """a, then b twice: (0.64, 1 + 0.8, 0), made a unit vector."""
    users = make()
    for item in "abb":
        users.clicked(Click("s", "anna", item, 1.0))
    wanted = np.array([0.64, 1.8, 0.0])
    history = users.history("anna", 1.0, 3)
    vector = user_vector(history, np.eye(3, dtype=np.float32))
    assert vector == pytest.approx(wanted / np.linalg.norm(wanted))
    assert user_vector(history, None) is None
    assert user_vector(None, np.eye(3, dtype=np.float32)) is None


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path).fill()
    for item in ITEMS:
        vector = [0.0] * 12
        vector[int(item.split("-")[1]) // 4] = 1.0  # three topics of four
        vector[3 + int(item.split("-")[1]) % 4] = 0.3
        made.describe(item, title=item, vector=vector)
    made.turn(after_s=60.0)
    return made


def know(world: World, *weights: float) -> None:
    """What was learned is in force from the next state on."""
    world.users.learner.effects = UserEffects(np.array(weights), np.zeros(3), 1000, 500)
    world.users.version += 1
    world.turn(after_s=60.0)


def test_clicks_of_a_topic_raise_its_items(world: World) -> None:
    world.users.clicked(Click("s", "u", ITEMS[9], 1.0))
    share = []
    for weight in (0.0, 4.0):
        know(world, weight, 0.0, 0.0)
        slates = [shown(world.ask(request(f"r{n}", segment="y", k=4))) for n in range(60)]
        share.append(np.mean([item in ITEMS[8:] for each in slates for item in each]))
    assert share[1] > share[0] + 0.25


def test_another_user_gets_the_segments_slates(world: World) -> None:
    world.users.clicked(Click("s", "u", ITEMS[9], 1.0))
    know(world, 4.0, 0.0, 0.0)
    slate = world.ask(request("r", user="other", segment="x"))
    assert not any(name.startswith("user") for item in slate.items for name in item.why)
    assert world.responder.is_quick(request(user="other"))
    assert not world.responder.is_quick(request(user="u"))


def test_the_same_request_of_a_user_gets_the_same_slate_until_a_click(world: World) -> None:
    world.users.clicked(Click("s", "u", ITEMS[9], 1.0))
    know(world, 4.0, 0.0, 0.0)
    wanted = request("again", segment="x", k=4)
    first = world.ask(wanted)
    assert world.ask(wanted) == first
    assert replay(world.responder, first, wanted) == "same"
    for _ in range(5):
        world.users.clicked(Click("s", "u", ITEMS[2], 1.0))
    assert replay(world.responder, first, wanted) == "other"


def test_it_is_learned_from_slates_as_they_are_written(world: World) -> None:
    """300 users who click their topic only: likeness to what was clicked is worth something."""
    rng = np.random.default_rng(0)
    follower = UsersFollower({}, NAMES, 1, world.users)
    for round_ in range(8):
        events = []
        for number in range(60):
            user, name = f"u{number}", f"{round_}-{number}"
            made = world.ask(request(name, user=user, segment="x", k=8))
            written = msgspec.json.encode(made)
            assert msgspec.json.decode(written, type=Slate) == made
            at_ms = int(1000 * (world.now_s + number))
            events.append(record(written, topic="slates", at_ms=at_ms))
            events.append(
                record(msgspec.json.encode(Impression(name, user, START_S)), topic="impressions")
            )
            for item in shown(made):
                like = int(item.split("-")[1]) // 4 == number % 3
                if rng.random() < (0.5 if like else 0.05):
                    value = msgspec.json.encode(Click(name, user, item, START_S))
                    events.append(record(value, topic="clicks", at_ms=at_ms + 1))
        follower.take(follower.events(events))
        world.turn(after_s=600.0)
    state = world.builder.state
    assert state is not None
    assert state.world.effects.weights[0] > 0.5
    page = generate_latest(world.metrics.registry).decode()
    assert 'slatestream_user_weight{feature="relevance"}' in page
    assert "slatestream_known_users 60.0" in page
