import numpy as np
import pytest

from bandits.ope.log import Log, LogError, Shape, reward_of, shape_of, split, take, validate
from tests.bandits.ope.making import paper_log, rows


def test_a_valid_log_passes():
    validate(paper_log(), Shape(1, 2, 3))
    assert shape_of(paper_log()) == Shape(1, 2, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": [0.5, 0.0]}, r"propensities in \(0, 1\], found 0 in row 1"),
        ({"propensity": [0.5, 1.5]}, r"propensities in \(0, 1\], found 1.5 in row 1"),
        (
            {"propensity": [np.nan, 0.5]},
            r"a propensity on every impression, found none on 1 of 2 \(first: row 0\)",
        ),
        ({"click": [np.nan, 0.0]}, "finite numbers in click, found nan in row 0"),
        ({"click": [0.0, 2.0]}, "0 or 1 in click, found 2 in row 1"),
        ({"conversion": [0.5, 0.0]}, "0 or 1 in conversion, found 0.5"),
        ({"value": [np.inf, 0.0]}, "finite numbers in value"),
        ({"time_s": [np.nan, 0.0]}, "finite numbers in time_s"),
        ({"item": [0, -1]}, "item from 0 to 2, found -1"),
        ({"item": [0, 3]}, "item from 0 to 2, found 3"),
        ({"segment": [0, 1]}, "segment from 0 to 0, found 1"),
        ({"position": [0, 2]}, "position from 0 to 1, found 2"),
        ({"slate": [4, 4]}, "every position once per slate"),
        ({"slate": [4, 4], "item": [2, 2], "position": [0, 1]}, "every item once per slate"),
    ],
)
def test_bad_logs_say_what_is_wrong(change, message):
    with pytest.raises(LogError, match=message):
        validate(rows(**({"item": [0, 1], "propensity": [0.5, 0.5]} | change)), Shape(1, 2, 3))


def test_an_empty_log_is_refused():
    with pytest.raises(LogError, match="at least one impression, found an empty log"):
        validate(take(paper_log(), np.array([], dtype=np.int64)))


def test_columns_of_different_length_are_refused():
    with pytest.raises(LogError, match="columns of one length"):
        validate(
            Log(
                *(
                    column[:3] if name == "click" else column
                    for name, column in paper_log()._asdict().items()
                )
            )
        )


def test_split_keeps_slates_whole_and_goes_by_time():
    """Slate 2 is the oldest: a third of the slates to learn from is slate 2 alone."""
    log = paper_log()._replace(time_s=np.array([5.0, 6.0, 9.0, 3.0, 1.0, 2.0]))
    train, test = split(log, 1 / 3)
    assert set(train.slate) == {2}
    assert sorted(test.slate) == [0, 0, 1, 1]
    train, _ = split(log, 2 / 3)
    assert set(train.slate) == {1, 2}  # slate 1 began at 3 s, slate 0 at 5 s


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_split_that_leaves_nothing_is_refused(share):
    with pytest.raises(LogError, match="slates on both sides"):
        split(paper_log(), share)


def test_unknown_reward_lists_the_choices():
    with pytest.raises(LogError, match="click, conversion, value, found 'likes'"):
        reward_of(paper_log(), "likes")
