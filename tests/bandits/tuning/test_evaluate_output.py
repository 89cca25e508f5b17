import json
from pathlib import Path

import pytest

from bandits.ope.estimate import Estimate, Refusal
from bandits.slates.config import DEFAULT
from bandits.tuning.evaluate_output import (
    as_record,
    front_records,
    json_line,
    print_front,
    print_results,
)
from bandits.tuning.search import Point

ESTIMATE = Estimate(
    "greedy", "dm", "click", 0.25, 0.2, 0.3, 0.9, "normal", "row", 1000, 500, 1000.0, float("nan")
)
REFUSAL = Refusal("greedy", "snips", "click", "too few", 1000, 25_000)
FRONT = [
    Point(
        {"click": 0.5}, DEFAULT, {"click": 0.3, "variety": 0.5}, {"click": ESTIMATE, "variety": 0.5}
    )
]


def test_json_has_no_nan_and_tells_answers_apart(capsys):
    json_line(as_record(ESTIMATE))
    json_line(as_record(REFUSAL))
    estimate, refusal = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (estimate["kind"], estimate["value"], estimate["mean_weight"]) == (
        "estimate",
        0.25,
        None,
    )
    assert (refusal["kind"], refusal["rows_needed"]) == ("refusal", 25_000)


def test_a_refusal_has_a_reason_in_place_of_numbers(capsys):
    print_results([ESTIMATE, REFUSAL], "title")
    text = capsys.readouterr().out
    assert "90% interval" in text
    assert "0.25000 │ 0.20000 to 0.30000" in text
    assert "the interval leaves out the model's own error" in text
    assert "too few; 1,000 rows, about 25,000 needed" in text


def test_what_more_rows_cannot_mend_names_no_number(capsys):
    print_results([REFUSAL._replace(rows_needed=None)], "title")
    assert "needed" not in capsys.readouterr().out


def test_a_front_is_printed_with_its_files(capsys):
    refused = FRONT[0]._replace(judged={"click": REFUSAL, "variety": 0.5})
    print_front([*FRONT, refused], FRONT[0]._replace(settings={}), Path("front"))
    text = capsys.readouterr().out
    for word in (
        "Pareto front, judged on rows that the search did not see",
        "0.25000 (0.20000 to 0.30000)",
        "refused: too little data",
        "file",
        "front/front.csv",
        "front/point-00.toml",
    ):
        assert word in text


def test_a_front_in_json_names_policy_files_and_the_file_it_began_from():
    point, base = front_records(FRONT, FRONT[0]._replace(settings={}), Path("front"))
    assert point["policy_file"] == "front/point-00.toml"
    assert point["judged"]["variety"] == {"kind": "exact", "value": 0.5}
    assert point["judged"]["click"]["value"] == pytest.approx(0.25)
    assert point["policy_version"] == DEFAULT.version
    assert base["point"] is None
    assert base["policy_file"] is None
