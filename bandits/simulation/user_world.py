"""A world of users: tastes in the space of the items' vectors, who tire of a topic and recover.

    logit P(click on a by u in slate t) = b_a + g <t_u, x_a> - h max(0, s_c - s_0)
    s_c  <-  2^(-1 / half-life) s_c + items of a's topic c that were looked at in the slate

A visit is one slate; place j is looked at with probability e_j, and a click needs a look. Users
come for one session each, some at a time, and leave for others with tastes of their own. The
one-step oracle knows all of it and shows what is clicked most in this very slate; that the user
tires by it is no concern of its.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats

Ints = NDArray[np.int64]


class UserWorld(NamedTuple):
    """What the learner does not know, but for the vectors.

    Attributes
    ----------
    base
        (n_items,) b, log-odds of a click by a user who is indifferent.
    vectors
        (n_items, d) float32 unit rows x.
    topic
        (n_items,) c.
    centres
        (n_topics, d) unit rows around which items lie.
    examination
        (n_places,) e.
    pull
        g, log-odds of an item in the direction of a taste.
    tires, patience
        h and s_0: log-odds for each item beyond so many of a topic.
    half_life
        Slates in which half of the tiredness is gone.
    session
        Slates of a user.

    """

    base: Floats
    vectors: NDArray[np.float32]
    topic: Ints
    centres: Floats
    examination: Floats
    pull: float = 4.0
    tires: float = 0.4
    patience: float = 4.0
    half_life: float = 5.0
    session: int = 100


class Users(NamedTuple):
    """Who is there now.

    Attributes
    ----------
    number
        (n,) of each; nobody comes twice.
    taste
        (n, d) unit rows t.
    tired
        (n, n_topics) s.
    left
        (n,) slates of the session that are left.

    """

    number: Ints
    taste: Floats
    tired: Floats
    left: Ints


def make_user_world(
    seed: int,
    *,
    n_items: int = 400,
    n_topics: int = 20,
    dimensions: int = 32,
    n_places: int = 10,
    spread: float = 0.6,
    rate: float = -3.5,
    pull: float = 4.0,
    tires: float = 0.4,
) -> UserWorld:
    """A world; `spread` is that of the items' log-odds, `rate` their mean."""
    rng = np.random.default_rng([seed, 23])
    centres = _unit(rng.normal(size=(n_topics, dimensions)))
    topic = rng.integers(n_topics, size=n_items)
    noise = _unit(rng.normal(size=(n_items, dimensions)))
    vectors = _unit(centres[topic] + 0.6 * noise).astype(np.float32)
    base = rng.normal(rate, spread, n_items)
    examination = 1 / (1 + 0.1 * np.arange(n_places))
    return UserWorld(base, vectors, topic, centres, examination, pull, tires)


def arrive(world: UserWorld, n: int, rng: np.random.Generator) -> Users:
    """The first users, at different points of their sessions."""
    n_topics = len(world.centres)
    left = 1 + np.arange(n) * world.session // n
    return Users(np.arange(n), _tastes(world, n, rng), np.zeros((n, n_topics)), left)


def rates(world: UserWorld, users: Users) -> Floats:
    """Probability of a click on each item that is looked at, (n, n_items)."""
    tired = world.tires * np.maximum(users.tired - world.patience, 0.0)  # (n, n_topics)
    score = world.base + world.pull * (users.taste @ world.vectors.T) - tired[:, world.topic]
    return np.asarray(1 / (1 + np.exp(-score)))


def slate_value(world: UserWorld, rate: Floats, items: Ints) -> Floats:
    """Clicks expected of slates (n, n_places), (n,)."""
    own = np.take_along_axis(rate, items, axis=1)
    return np.asarray((own * world.examination).sum(axis=1))


def oracle_slates(world: UserWorld, rate: Floats) -> Ints:
    """What is clicked most now, (n, n_places)."""
    k = world.examination.size
    part = np.argpartition(-rate, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(rate, part, axis=1), axis=1)
    return np.asarray(np.take_along_axis(part, order, axis=1))


class Visit(NamedTuple):
    """What came of slates: looked at and clicked, (n, n_places) bool each."""

    looked: NDArray[np.bool_]
    clicked: NDArray[np.bool_]


def visit(
    world: UserWorld, users: Users, rate: Floats, items: Ints, rng: np.random.Generator
) -> tuple[Users, Visit]:
    """The users see a slate each, (n, n_places), and go on; who leaves makes room for another."""
    looked = rng.random(items.shape) < world.examination
    clicked = looked & (rng.random(items.shape) < np.take_along_axis(rate, items, axis=1))
    tired = users.tired * 2 ** (-1 / world.half_life)
    np.add.at(tired, (np.arange(len(items))[:, None], world.topic[items]), looked)
    left, number, taste = users.left - 1, users.number.copy(), users.taste.copy()
    gone = np.flatnonzero(left == 0)
    number[gone] = number.max() + 1 + np.arange(gone.size)
    taste[gone] = _tastes(world, gone.size, rng)
    tired[gone], left[gone] = 0.0, world.session
    return Users(number, taste, tired, left), Visit(looked, clicked)


def _tastes(world: UserWorld, n: int, rng: np.random.Generator) -> Floats:
    """Directions between three topics, (n, d)."""
    weights = rng.dirichlet(np.ones(3), size=n)  # (n, 3)
    some = np.argsort(rng.random((n, len(world.centres))), axis=1)[:, :3]
    return _unit((weights[:, :, None] * world.centres[some]).sum(axis=1))


def _unit(x: Floats) -> Floats:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))
