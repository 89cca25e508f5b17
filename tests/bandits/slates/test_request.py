"""What is refused at the door."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.counts import CountsError
from bandits.slates.request import RequestError, check_catalogue, check_request
from tests.bandits.slate_world import ask, make_catalogue, make_counts


def spoil(name: str, value: float):
    counts = make_counts()
    array = getattr(counts, name).copy()
    array[1, 4] = value
    return counts._replace(**{name: array})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("clicks", np.nan, "finite"),
        ("impressions", np.inf, "finite"),
        ("clicks", 1e9, "exceed"),
        ("impressions", -1.0, "negative"),
    ],
)
def test_impossible_counts_of_the_segment_are_refused(name: str, value: float, words: str):
    with pytest.raises(CountsError, match=words):
        check_catalogue(spoil(name, value), 1, make_catalogue())


def test_counts_and_catalogue_must_have_the_same_items():
    with pytest.raises(ValueError, match=r"30 items.*29"):
        check_catalogue(make_counts(), 1, make_catalogue(29))
    with pytest.raises(ValueError, match="30 items"):
        check_catalogue(
            make_counts(), 1, make_catalogue()._replace(vectors=np.zeros((3, 2), dtype=np.float32))
        )


@pytest.mark.parametrize("segment", [-1, 3])
def test_a_segment_that_is_not_there_is_refused(segment: int):
    with pytest.raises(ValueError, match="from 0 to 2"):
        check_catalogue(make_counts(), segment, make_catalogue())


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ask(-1), "k must be at least 0"),
        (ask(candidates=np.array([0, 30])), "candidates.*0 to 29.*30"),
        (ask(exclude=np.array([-1])), "exclude"),
        (ask(objectives={"clicks": 1.0}), "click, conversion.*'clicks'"),
        (ask(user=np.zeros(3, dtype=np.float32)), "8 dimensions"),
    ],
)
def test_a_request_for_what_does_not_exist_is_refused(request_, words: str):
    with pytest.raises(RequestError, match=words):
        check_request(request_, 30, 8)
