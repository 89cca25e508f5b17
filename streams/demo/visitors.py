"""Visitors of the demo: the users of MovieLens-100K, in the order in which they really rated films.

    rate[s, i] = (likes of film i by users of segment s + m p_i) / (users of segment s + m),   p_i =
    likes of i / users

A visitor of segment s clicks film i with that probability, independently of the other places of the
slate. A like is a rating of 4 or more; m = `SHRINK_USERS` users of average taste keep small
segments from having rates of 0 and 1.

MovieLens may be used for research and not be passed on. It is read from the installed package
`recbole` as plain files. Harper & Konstan (2015), The MovieLens Datasets: History and Context.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FOLDER = "dataset_example/ml-100k"
# first age beyond the band, name
AGE_BANDS = ((25, "under 25"), (35, "25-34"), (50, "35-49"), (200, "50 and over"))
SHRINK_USERS = 20.0


class Visitor(NamedTuple):
    """One user: id, and the context from which the worker makes the segment."""

    user_id: str
    age: str
    gender: str

    @property
    def context(self) -> dict[str, str]:
        """What a request and an impression carry."""
        return {"age": self.age, "gender": self.gender}


class Visits(NamedTuple):
    """Who comes, in order: `visitors` (n_users,), `order` (n_visits,) indices of them."""

    visitors: Sequence[Visitor]
    order: NDArray[np.int64]


def folder() -> Path | None:
    """Where MovieLens-100K is on this machine; None when the package is not installed. Nothing is
    imported.
    """
    spec = importlib.util.find_spec("recbole")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / FOLDER / "ml-100k.user").is_file():
            return Path(place) / FOLDER
    return None


def read_visits(data: Path) -> Visits:
    """Every rating is a visit of its user, in the order of time; ties keep the order of
    the file.
    """
    users = [row.split("\t") for row in _lines(data / "ml-100k.user")]
    visitors = [Visitor(user, _age_band(int(age)), gender) for user, age, gender, *_ in users]
    index = {visitor.user_id: n for n, visitor in enumerate(visitors)}
    ratings = [row.split("\t") for row in _lines(data / "ml-100k.inter")]
    times = np.array([float(row[3]) for row in ratings])  # (n_ratings,) seconds
    raters = np.array([index[row[0]] for row in ratings])  # (n_ratings,)
    return Visits(visitors, raters[np.argsort(times, kind="stable")])


def click_rates(
    visitors: Sequence[Visitor], likes: Sequence[tuple[str, str]], items: Mapping[str, int]
) -> tuple[list[tuple[str, str]], NDArray[np.int64], NDArray[np.float64]]:
    """Real rates; the equation stands in the module's docstring.

    Parameters
    ----------
    visitors
        All users.
    likes
        (user id, item id), each pair once.
    items
        Column of each item.

    Returns
    -------
    segments, segment_of, rates
        (age, gender) per segment; (n_users,) segment of each visitor; (n_segments, n_items) in (0,
        1).
    """
    segments = sorted({(visitor.age, visitor.gender) for visitor in visitors})
    number = {segment: n for n, segment in enumerate(segments)}
    # (n_users,)
    segment_of = np.array([number[visitor.age, visitor.gender] for visitor in visitors])
    row = {visitor.user_id: segment_of[n] for n, visitor in enumerate(visitors)}
    liked = np.zeros((len(segments), len(items)))  # (n_segments, n_items)
    for user, item in likes:
        liked[row[user], items[item]] += 1
    users = np.bincount(segment_of, minlength=len(segments))[:, None]  # (n_segments, 1)
    mean = liked.sum(axis=0) / len(visitors)  # (n_items,)
    # (n_segments, n_items)
    rates: NDArray[np.float64] = (liked + SHRINK_USERS * mean) / (users + SHRINK_USERS)
    return segments, segment_of, rates


def _age_band(age: int) -> str:
    return next(name for beyond, name in AGE_BANDS if age < beyond)


def _lines(path: Path) -> list[str]:
    """The rows of an atomic file of RecBole: tab-separated, one line of names first."""
    return path.read_text(encoding="utf-8").splitlines()[1:]
