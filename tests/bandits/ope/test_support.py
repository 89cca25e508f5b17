"""What a log never shows and a policy would use is found; what chance leaves out is not."""

import numpy as np
import pytest

from bandits.ope.log import LogError, Shape
from bandits.ope.support import NotShown, check_positions, check_room, check_support, unseen
from bandits.ope.target import uniform
from tests.bandits.ope.making import rows


def uniform_log(n, n_items, rng, shown=None):
    """Slates of one out of the first `shown` items."""
    item = rng.integers(0, shown or n_items, n)
    return rows(item=item, propensity=np.full(n, 1 / (shown or n_items)))


def table(*shares):
    return np.array([[list(shares)]])


def test_an_item_that_is_never_shown_counts_with_the_policys_share_of_it():
    """Two of three items shown, 100 rows: q <= 3/100; a policy with 0.4 on the third lacks 40%, one
    with 0.2 does not want it ten times as often as the log may show it.
    """
    log = rows(item=[0, 1] * 50, propensity=[0.5] * 100)
    assert unseen(log, table(0.3, 0.3, 0.4)) == ([], [2], pytest.approx(0.4))
    assert unseen(log, table(0.4, 0.4, 0.2)).share == 0
    with pytest.raises(NotShown, match="never shows item third where the policy would: 40% of"):
        check_support(log, table(0.3, 0.3, 0.4), ["first", "second", "third"])


def test_a_rare_item_that_chance_left_out_is_no_lack():
    """1,000 items in 1,000 rows: a third of them is not seen, and the uniform policy is judged
    well.
    """
    rng = np.random.default_rng(0)
    for n_items in (10, 100, 1000, 3000):
        log = uniform_log(1000, n_items, rng)
        check_support(log, uniform(Shape(1, 1, n_items)).table)


def test_items_that_one_segment_never_shows_are_found_there():
    log = rows(item=[0, 1] * 100 + [0] * 200, segment=[0] * 200 + [1] * 200, propensity=[0.5] * 400)
    wants = np.array([[[0.5, 0.5]], [[0.0, 1.0]]])  # item 1 in segment 1
    assert unseen(log, wants) == ([], [1], pytest.approx(0.5))


def test_a_position_without_rows_is_found():
    log = rows(item=[0, 1, 0, 1], slate=[0, 0, 1, 1], position=[0, 2, 0, 2], propensity=[0.5] * 4)
    found = unseen(log, np.full((1, 3, 2), 0.5))
    assert (found.positions, found.share) == ([1], pytest.approx(1 / 3))
    with pytest.raises(NotShown, match="never shows position 1: 33% of this"):
        check_support(log, np.full((1, 3, 2), 0.5))


@pytest.mark.parametrize(
    ("positions", "said"),
    [
        ([1, 2, 3], "found 1 to 3 and never 0"),
        ([0, 3], "found no row at 1, 2"),
        ([2, 3], "if the log counts from 2, give --first-position"),
    ],
)
def test_places_that_nobody_saw_are_refused(positions, said):
    n = len(positions)
    log = rows(item=list(range(n)), position=positions, propensity=[0.5] * n)
    with pytest.raises(LogError, match=said):
        check_positions(log)
    check_positions(log._replace(position=np.arange(n)))


def test_a_slate_needs_as_many_items_as_places():
    check_room(3, 3)
    with pytest.raises(LogError, match=r"found 3 items and positions up to 3 \(4 places\)"):
        check_room(4, 3)


def test_weights_of_a_floor_vouch_for_what_is_hardly_ever_shown():
    """Item 0 in 98 of 100 rows and the 300 others by chance, in 2 of 100: 5,000 rows show a third
    of them. The uniform policy lacks them by the count of rows, and its weights average 1.
    """
    rng = np.random.default_rng(2)
    by_floor = rng.random(5000) < 0.02
    item = np.where(by_floor, rng.integers(0, 301, 5000), 0)
    p = np.where(item == 0, 0.98 + 0.02 / 301, 0.02 / 301)
    wants = uniform(Shape(1, 1, 301)).table
    assert unseen(rows(item=item, propensity=p), wants).share > 0.5
    check_support(rows(item=item, propensity=p), wants)
    with pytest.raises(NotShown):  # one that says so and has none
        few = np.where(item < 50, item, 0)
        check_support(rows(item=few, propensity=np.where(few == 0, 0.98, 0.02 / 301)), wants)
