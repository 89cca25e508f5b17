"""The world of users: what tires and recovers, by hand, and that the oracle is one."""

from __future__ import annotations

import numpy as np

from bandits.simulation.user_world import (
    arrive,
    make_user_world,
    oracle_slates,
    rates,
    slate_value,
    visit,
)


def test_a_topic_tires_after_some_items_and_recovers():
    """Ten looks at one topic: six beyond patience take 2.4 log-odds; half are left after five
    slates of something else, one beyond patience, and all are forgiven.
    """
    world = make_user_world(0)._replace(examination=np.ones(10))
    rng = np.random.default_rng(0)
    users = arrive(world, 1, rng)._replace(left=np.array([50]))
    own, other = (np.flatnonzero(world.topic == topic)[:10][None] for topic in (0, 1))
    fresh = rates(world, users)[0, own[0, 0]]
    users, _ = visit(world, users, rates(world, users), own, rng)
    tired = rates(world, users)[0, own[0, 0]]
    odds = np.log(tired / (1 - tired)) - np.log(fresh / (1 - fresh))
    np.testing.assert_allclose(odds, -2.4)
    for _ in range(5):
        users, _ = visit(world, users, rates(world, users), other, rng)
    assert abs(users.tired[0, 0] - 5) < 1e-9
    for _ in range(5):
        users, _ = visit(world, users, rates(world, users), other, rng)
    assert rates(world, users)[0, own[0, 0]] == fresh


def test_sessions_end_and_others_come():
    world, rng = make_user_world(0), np.random.default_rng(0)
    users = arrive(world, 4, rng)
    seen = set(users.number.tolist())
    for _ in range(world.session):
        items = np.tile(np.arange(10), (4, 1))
        users, _ = visit(world, users, rates(world, users), items, rng)
        seen |= set(users.number.tolist())
    assert len(seen) == 8
    assert (users.left <= world.session).all()


def test_nothing_is_worth_more_now_than_the_oracles_slate():
    world, rng = make_user_world(1), np.random.default_rng(0)
    users = arrive(world, 8, rng)
    rate = rates(world, users)
    best = slate_value(world, rate, oracle_slates(world, rate))
    for _ in range(50):
        items = np.argsort(rng.random(rate.shape), axis=1)[:, :10]
        assert (slate_value(world, rate, items) <= best).all()
