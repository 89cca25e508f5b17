import csv

import pytest

from bandits.ope.estimate import Estimate, Refusal
from bandits.slates.config import DEFAULT
from bandits.slates.config_file import load_config
from bandits.tuning.parameters import SearchError, turned
from bandits.tuning.report import (
    bounds_of,
    describe,
    plot_front,
    point_file,
    value_of,
    write_csv,
    write_front,
)
from bandits.tuning.search import Point


def estimate(value: float) -> Estimate:
    return Estimate(
        "candidate",
        "snips",
        "click",
        value,
        value - 0.01,
        value + 0.02,
        0.95,
        "bootstrap",
        "row",
        1000,
        1000,
        500.0,
        1.0,
    )


def front() -> list[Point]:
    refused = Refusal("candidate", "snips", "click", "too small", 10, 100)
    judged = [
        {"click": estimate(0.2), "variety": 0.3},
        {"click": estimate(0.1), "variety": 0.6},
        {"click": refused, "variety": 0.9},
    ]
    settings = [{"exploration": 0.1}, {"exploration": 0.5}, {"exploration": 1.0}]
    searched = [
        {"click": 0.21, "variety": 0.3},
        {"click": 0.12, "variety": 0.6},
        {"click": 0.05, "variety": 0.9},
    ]
    return [
        Point(s, turned(DEFAULT, s), found, j)
        for s, found, j in zip(settings, searched, judged, strict=True)
    ]


def test_the_folder_holds_the_table_the_picture_and_a_policy_file_per_point(tmp_path):
    folder = tmp_path / "front"
    folder.mkdir()
    (folder / "point-07.toml").write_text("of an earlier search")
    base = front()[0]._replace(settings={})
    write_front(front(), folder, base)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["front.csv", "front.png", "point-00.toml", "point-01.toml", "point-02.toml"]
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    for number, point in enumerate(front()):
        assert load_config(point_file(folder, number)) == point.config
    with (folder / "front.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["point"] for row in rows] == ["0", "1", "2", "base"]
    assert {
        name: float(rows[1][name])
        for name in ("parameter_exploration", "click", "click_low", "click_high", "click_searched")
    } == {
        "parameter_exploration": 0.5,
        "click": 0.1,
        "click_low": pytest.approx(0.09),
        "click_high": pytest.approx(0.12),
        "click_searched": 0.12,
    }
    assert rows[2]["click"] == ""
    assert rows[2]["variety"] == "0.9"
    assert rows[3]["parameter_exploration"] == ""


def test_a_policy_file_says_what_point_it_is():
    assert describe(1, front()[1]) == (
        "Point 1 of a Pareto search: exploration 0.5\nclick: 0.1, interval 0.09 to "
        "0.12\nvariety: 0.6"
    )
    assert "click: not judged, too small" in describe(2, front()[2])


def test_values_and_intervals_of_what_was_judged():
    assert value_of(estimate(0.2)) == 0.2
    assert bounds_of(0.3) == (0.3, 0.3)
    assert value_of(front()[2].judged["click"]) != value_of(front()[2].judged["click"])  # NaN


def test_an_empty_front_is_refused(tmp_path):
    with pytest.raises(SearchError, match="at least one point"):
        write_csv([], tmp_path / "front.csv")


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(SearchError, match=r"pip install 'slatestream\[tune\]'"):
        plot_front(front(), tmp_path / "front.png")
