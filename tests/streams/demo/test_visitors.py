"""Visitors and click rates, on a file small enough for paper; and the real files where they are
installed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streams.demo.visitors import SHRINK_USERS, Visitor, click_rates, folder, read_visits

USERS = (
    "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    "1\t24\tM\tx\t0\n2\t25\tF\tx\t0\n3\t50\tF\tx\t0\n"
)
RATINGS = (
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    "2\t9\t3\t20\n1\t8\t5\t10\n2\t7\t1\t10\n3\t9\t4\t15\n"
)


def test_every_rating_is_a_visit_in_the_order_of_time_and_ties_keep_the_file_s(
    tmp_path: Path,
) -> None:
    (tmp_path / "ml-100k.user").write_text(USERS)
    (tmp_path / "ml-100k.inter").write_text(RATINGS)
    visits = read_visits(tmp_path)
    assert visits.visitors == [
        Visitor("1", "under 25", "M"),
        Visitor("2", "25-34", "F"),
        Visitor("3", "50 and over", "F"),
    ]
    assert [visits.visitors[n].user_id for n in visits.order] == ["1", "2", "3", "2"]
    assert visits.visitors[1].context == {"age": "25-34", "gender": "F"}


def test_a_rate_is_the_segment_s_likes_shrunk_to_the_film_s_mean() -> None:
    """Four users, two segments of two. Film a is liked by both of segment 0 and by none of segment
    1: p = 1/2.

    rate[0, a] = (2 + 20/2) / (2 + 20) = 12/22,  rate[1, a] = (0 + 10) / 22;  film b, liked by one
    of segment 1: p = 1/4, rate[0, b] = 5/22, rate[1, b] = 6/22.
    """
    people = [
        Visitor("1", "x", "F"),
        Visitor("2", "x", "F"),
        Visitor("3", "x", "M"),
        Visitor("4", "x", "M"),
    ]
    segments, segment_of, rates = click_rates(
        people, [("1", "a"), ("2", "a"), ("4", "b")], {"a": 0, "b": 1}
    )
    assert SHRINK_USERS == 20
    assert segments == [("x", "F"), ("x", "M")]
    assert segment_of.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(rates, np.array([[12, 5], [10, 6]]) / 22)


@pytest.mark.skipif(
    folder() is None, reason="recbole with MovieLens-100K is not installed (requirements-data.txt)"
)
def test_the_real_files_have_943_users_in_8_segments_and_100_000_visits() -> None:
    data = folder()
    assert data is not None
    visits = read_visits(data)
    assert len(visits.visitors) == 943
    assert len(visits.order) == 100_000
    assert len({(each.age, each.gender) for each in visits.visitors}) == 8
