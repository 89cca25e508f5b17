"""A world of real tastes: MovieLens-100K as the installed package `recbole` carries it, read as
files.

    theta_si = (users of s who rated film i with 4 or more + k m_i) / (users of s + k)

over the 150 films with most such ratings; segments are age (<25, 25-34, 35-44, 45+) x gender; m_i
is the film's rate over all users, and k (about 50) the strength of a beta-binomial model by maximum
likelihood. Slates of 5, place j looked at with probability 1 / log2(j + 1), j from 1. The data's
licence allows research use and forbids redistribution: nothing of it is in this repository.

Harper & Konstan (2015), The MovieLens Datasets: History and Context.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.learning.position import logarithmic
from bandits.learning.special import log_beta_binomial
from bandits.simulation.world import Ints, World, trade_places

N_FILMS = 150
N_PLACES = 5
LIKED = 4.0
AGES = (25, 35, 45)  # first age of the second, third and fourth group
FOLDER = Path("dataset_example") / "ml-100k"
N_TRADED = 20


class DataMissing(RuntimeError):
    """The data package is not installed."""


class Tastes(NamedTuple):
    """What the ratings say.

    Attributes
    ----------
    films
        (n_films,) ids in the data set, most liked first.
    likes
        (n_segments, n_films) users of the segment who rated the film 4 or more.
    users
        (n_segments,) users.
    strength
        k, in users.
    rates
        (n_segments, n_films) theta.

    """

    films: Ints
    likes: Floats
    users: Floats
    strength: float
    rates: Floats


def data_folder() -> Path:
    """Where the data lie.

    Raises
    ------
    DataMissing
        If `recbole` is not installed; it need not be importable.

    """
    spec = find_spec("recbole")
    folder = None if spec is None or spec.origin is None else Path(spec.origin).parent / FOLDER
    if folder is None or not folder.is_dir():
        message = (
            "MovieLens-100K is read from the package recbole, which is not installed; run pip "
            "install --no-deps recbole==1.2.1"
        )
        raise DataMissing(message)
    return folder


def read_tastes(folder: Path) -> Tastes:
    """Likes by segment and film from the files of the data set."""
    users = [
        line.split("\t")
        for line in (folder / "ml-100k.user").read_text(encoding="utf-8").splitlines()[1:]
    ]
    age = np.searchsorted(AGES, [int(user[1]) for user in users], side="right")  # (n_users,)
    segment = age * 2 + np.array([user[2] == "F" for user in users])  # (n_users,)
    number = {user[0]: i for i, user in enumerate(users)}
    ratings = [
        line.split("\t")
        for line in (folder / "ml-100k.inter").read_text(encoding="utf-8").splitlines()[1:]
    ]
    liked = [(number[r[0]], int(r[1])) for r in ratings if float(r[2]) >= LIKED]
    per_film = np.bincount([film for _, film in liked])
    films = np.argsort(-per_film, kind="stable")[:N_FILMS]
    column = {int(film): i for i, film in enumerate(films)}
    n_segments = (len(AGES) + 1) * 2
    likes = np.zeros((n_segments, N_FILMS))
    for user, film in liked:
        if film in column:
            likes[segment[user], column[film]] += 1
    in_segment = np.bincount(segment, minlength=n_segments).astype(np.float64)
    rates, strength = shrink(likes, in_segment)
    return Tastes(films.astype(np.int64), likes, in_segment, strength, rates)


def shrink(likes: Floats, users: Floats) -> tuple[Floats, float]:
    """Beta-binomial posterior means around each film's rate, and the strength by maximum
    likelihood, to 1 in 10,000.
    """
    n = np.broadcast_to(users[:, None], likes.shape)
    mean = likes.sum(axis=0) / users.sum()  # (n_films,)

    def fit(k: float) -> float:
        a, b = (np.broadcast_to(part * k, n.shape) for part in (mean, 1 - mean))
        return float(log_beta_binomial(likes, n, a, b).sum())

    k = 50.0
    # each grid reaches two steps of the one before to either side
    for ratio in (1.5, 1.05, 1.005, 1.0005):
        grid = k * ratio ** np.arange(-25.0, 26.0)
        k = float(grid[int(np.argmax([fit(float(value)) for value in grid]))])
    return (likes + k * mean) / (n + k), k


def movielens(
    variant: str = "plain", *, n_visits: int = 200_000, rng: np.random.Generator | None = None
) -> World:
    """Make one of the worlds of the regret benchmark.

    Parameters
    ----------
    variant
        `plain`; `tenth`: rates times 0.1; `delay_1000`, `delay_10000`: feedback so many visits
        late; `drift`: at half time the 20 best films trade places with 20 others.
    n_visits
        How long a run is: half of it is when rates change.
    rng
        Chooses the others of `drift`; needed there only.

    Raises
    ------
    DataMissing
        If the data package is not installed.
    ValueError
        On an unknown variant, or `drift` without rng.

    """
    tastes = read_tastes(data_folder())
    share = tastes.users / tastes.users.sum()
    world = World(variant, tastes.rates, share, logarithmic(N_PLACES))
    if variant == "plain":
        return world
    if variant == "tenth":
        return world._replace(rates=tastes.rates * 0.1)
    if variant in ("delay_1000", "delay_10000"):
        return world._replace(delay=int(variant.removeprefix("delay_")))
    if variant == "drift" and rng is not None:
        after = trade_places(tastes.rates, share, N_TRADED, rng)
        return world._replace(rates_after=after, change_at=n_visits // 2)
    message = (
        "variant must be plain, tenth, delay_1000, delay_10000 or drift (with rng), found "
        f"{variant!r}"
    )
    raise ValueError(message)
