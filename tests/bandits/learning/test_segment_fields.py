"""Names of segments read back as values."""

import numpy as np
import pytest

from bandits.learning.segment_fields import SegmentFields
from streams.contract.segments import context_segment

FIELDS = ("age", "city", "plan")


@pytest.mark.parametrize(
    "name",
    ["default", "other", "", "front page", "age", "age=30,shoe=42", "age=30,age=31", "city=A,,"],
)
def test_names_that_no_fields_make_say_nothing(name):
    assert SegmentFields(FIELDS).of(name) is None


def test_what_contexts_make_is_read_back():
    """Values with signs of their own, too, and one left out is a value."""
    contexts = [
        {"age": 30, "city": "A=1,B%", "plan": True},
        {"age": 30.0, "plan": False},
        {"city": "", "plan": False},
        {},
    ]
    names = [context_segment(context, FIELDS) for context in contexts]
    known = SegmentFields(FIELDS)
    assert known.codes(names).tolist() == [[0, 0, 0], [0, 1, 1], [1, 1, 1], [-1, -1, -1]]
    assert known.values(0) == ["30", ""]


def test_names_that_come_later_leave_codes_as_they_were_and_asking_adds_none():
    known = SegmentFields(FIELDS)
    names = [f"age={n},city={n % 3},plan=x" for n in range(40)]
    before = known.codes(names[:7])
    assert known.of(names[30]) == (-1, 0, 0)
    after = known.codes(names)
    np.testing.assert_array_equal(after[:7], before)
    assert after[30].tolist() == [30, 0, 0]


def test_a_list_made_anew_is_read_anew_and_values_keep_their_codes():
    known = SegmentFields(("a", "b"))
    known.codes(["a=1,b=1", "a=2,b=1"])
    assert known.codes(["a=2,b=1", "a=1,b=1"]).tolist() == [[1, 0], [0, 0]]
    assert known.codes(["a=1,b=1"]).tolist() == [[0, 0]]
    assert known.codes([]).shape == (0, 2)
