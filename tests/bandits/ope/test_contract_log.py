import json

import numpy as np
import pytest

from bandits.ope.contract_log import Joining, context_segment, read_contract
from bandits.ope.log import LogError
from streams.contract.segments import context_segment as named_by_the_worker

SHOWN = {
    "slate_id": "s1",
    "user_id": "u",
    "item_id": "a",
    "position": 0,
    "propensity": 0.5,
    "ts": 100.0,
}
CLICKED = {"slate_id": "s1", "user_id": "u", "item_id": "a", "ts": 160.0}


def lines(path, *events):
    path.write_text(
        "\n".join(event if isinstance(event, str) else json.dumps(event) for event in events)
        + "\n\n"
    )
    return path


def read(tmp_path, impressions, clicks=(), **joining):
    given = lines(tmp_path / "impressions.jsonl", *impressions)
    fed_back = lines(tmp_path / "clicks.jsonl", *clicks) if clicks else None
    return read_contract(given, fed_back, Joining(**joining))


def test_a_click_and_a_conversion_are_joined_with_their_values(tmp_path):
    loaded = read(
        tmp_path,
        [
            SHOWN,
            SHOWN | {"item_id": "b", "position": 1, "segment": "eu"},
            SHOWN | {"slate_id": "s2", "ts": "1970-01-01T00:00:50Z"},
        ],
        [CLICKED | {"value": 2.5}, CLICKED | {"kind": "conversion", "value": 10, "ts": 90_000.0}],
    )
    assert loaded.items == ["a", "b"]
    assert loaded.segments == ["default", "eu"]
    assert loaded.shape == (2, 2, 2)
    log = loaded.log  # in order of time: s2 at 50 s, then s1
    np.testing.assert_array_equal(log.time_s, [50.0, 100.0, 100.0])
    np.testing.assert_array_equal(log.slate, [0, 1, 1])
    np.testing.assert_array_equal(log.item, [0, 0, 1])
    np.testing.assert_array_equal(log.segment, [0, 0, 1])
    np.testing.assert_array_equal(log.click, [0, 1, 0])
    np.testing.assert_array_equal(log.conversion, [0, 1, 0])
    np.testing.assert_array_equal(log.value, [0, 12.5, 0])


def test_what_is_sent_twice_counts_once(tmp_path):
    loaded = read(
        tmp_path,
        [SHOWN, SHOWN | {"ts": 120.0}],
        [CLICKED | {"value": 2}, CLICKED | {"value": 7, "ts": 200.0}],
    )
    assert loaded.log.item.size == 1
    assert loaded.log.value[0] == 2.0  # the earliest


@pytest.mark.parametrize(
    ("event", "earned"),
    [
        (CLICKED | {"ts": 3700.0}, True),
        (CLICKED | {"ts": 3701.0}, False),
        (CLICKED | {"ts": 90.0}, True),  # clocks differ: a click before its impression is not late
        (CLICKED | {"slate_id": "other"}, False),
        (CLICKED | {"kind": "conversion", "ts": 3000.0}, True),
        (CLICKED | {"kind": "conversion", "ts": 90_000.0}, False),  # its slate has no click
    ],
)
def test_feedback_earns_within_its_window(tmp_path, event, earned):
    log = read(tmp_path, [SHOWN], [event | {"value": 3.0}]).log
    assert bool(log.value[0]) is earned
    assert bool(log.click[0] + log.conversion[0]) is earned


def test_a_conversion_beyond_its_own_window_earns_nothing(tmp_path):
    log = read(tmp_path, [SHOWN], [CLICKED, CLICKED | {"kind": "conversion", "ts": 700_000.0}]).log
    assert (log.click[0], log.conversion[0]) == (1.0, 0.0)


@pytest.mark.parametrize(
    "context",
    [
        None,
        {},
        {"age": "25-34", "gender": "F"},
        {"gender": "M"},
        {"age": 30, "member": True},
        {"age": 2.5, "gender": "x"},
    ],
)
def test_segments_are_named_as_the_worker_names_them(tmp_path, context):
    fields = ("age", "gender", "member")
    assert context_segment(context, fields) == named_by_the_worker(context, fields)
    assert read(tmp_path, [SHOWN | {"context": context}], segment_fields=fields).segments == [
        context_segment(context, fields)
    ]


def test_impressions_without_propensity_are_refused_or_left_out(tmp_path):
    unknown = {name: value for name, value in SHOWN.items() if name != "propensity"} | {
        "slate_id": "s9"
    }
    with pytest.raises(LogError, match="found none on 1 of 2"):
        read(tmp_path, [SHOWN, unknown])
    assert read(tmp_path, [SHOWN, unknown], drop_unknown=True).log.item.size == 1
    with pytest.raises(LogError, match="expected impressions with propensities"):
        read(tmp_path, [unknown], drop_unknown=True)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("{broken", "one JSON object per line in .*impressions.jsonl, found broken JSON in line 1"),
        ("[1]", "found list in line 1"),
        (SHOWN | {"slate_id": 7}, "text in slate_id at .*:1, found 7"),
        (SHOWN | {"item_id": ""}, "text in item_id at .*:1, found ''"),
        (SHOWN | {"segment": 3}, "text in segment at .*:1, found 3"),
        (SHOWN | {"position": -1}, "a position from 0 at .*:1, found -1"),
        (SHOWN | {"position": "0"}, "a position from 0 at .*:1, found '0'"),
        (SHOWN | {"propensity": "0.5"}, "a number in propensity at .*:1, found '0.5'"),
        (SHOWN | {"propensity": 0}, r"propensities in \(0, 1\], found 0"),
        (
            SHOWN | {"ts": "yesterday"},
            "an RFC 3339 time with its zone in ts at .*:1, found 'yesterday'",
        ),
        (SHOWN | {"ts": "2026-01-01T00:00:00"}, "with its zone"),
        (SHOWN | {"ts": None}, "found None"),
    ],
)
def test_bad_lines_are_named(tmp_path, event, message):
    with pytest.raises(LogError, match=message):
        read(tmp_path, [event])


def test_bad_clicks_are_named(tmp_path):
    with pytest.raises(LogError, match=r"kind click or conversion at .*:2, found 'like'"):
        read(tmp_path, [SHOWN], [CLICKED, CLICKED | {"kind": "like"}])
    with pytest.raises(LogError, match=r"a number in value at .*:1, found True"):
        read(tmp_path, [SHOWN], [CLICKED | {"value": True}])


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(LogError, match=r"a file of JSON lines at .*none\.jsonl"):
        read_contract(tmp_path / "none.jsonl", None)


SLATE = {
    "slate_id": "s1",
    "segment": "eu",
    "items": [
        {"item_id": "a", "position": 0, "propensity": 0.5},
        {"item_id": "b", "position": 1, "propensity": 0.25},
    ],
}
WHOLE = {"slate_id": "s1", "user_id": "u", "ts": 100.0}


def test_a_whole_slate_is_all_that_was_offered_where_and_how_probable(tmp_path):
    slates = lines(tmp_path / "slates.jsonl", SLATE, SLATE | {"segment": "a second answer"})
    unknown = WHOLE | {"slate_id": "older than the file"}
    given = lines(tmp_path / "impressions.jsonl", WHOLE, WHOLE, unknown)
    loaded = read_contract(given, None, Joining(), slates)
    assert (loaded.items, loaded.segments) == (["a", "b"], ["eu"])
    np.testing.assert_array_equal(loaded.log.position, [0, 1])
    np.testing.assert_array_equal(loaded.log.propensity, [0.5, 0.25])


def test_a_list_has_its_places_and_takes_propensity_and_segment_from_its_slate(tmp_path):
    slates = lines(tmp_path / "slates.jsonl", SLATE)
    items = ["b", {"item_id": "a", "position": 1}, {"item_id": "c", "propensity": 0.125}]
    given = lines(tmp_path / "impressions.jsonl", WHOLE | {"items": items})
    loaded = read_contract(given, None, Joining(), slates)
    assert (loaded.items, loaded.segments) == (["a", "b", "c"], ["eu"])
    rows = zip(loaded.log.item.tolist(), loaded.log.position, loaded.log.propensity, strict=True)
    assert sorted(rows) == [(0, 1, 0.5), (1, 0, 0.25), (2, 2, 0.125)]


def test_one_item_may_leave_its_propensity_to_its_slate(tmp_path):
    slates = lines(tmp_path / "slates.jsonl", SLATE)
    silent = {name: SHOWN[name] for name in SHOWN if name != "propensity"}
    given = lines(tmp_path / "impressions.jsonl", silent | {"segment": "own"})
    loaded = read_contract(given, None, Joining(), slates)
    assert (loaded.segments, loaded.log.propensity.tolist()) == (["own"], [0.5])


def test_whole_slates_without_their_slates_are_refused_with_the_remedy(tmp_path):
    with pytest.raises(LogError, match="give --slates FILE"):
        read(tmp_path, [WHOLE])
    with pytest.raises(LogError, match="expected item ids or objects in items"):
        read(tmp_path, [WHOLE | {"items": [7]}])
