"""Items and clicks from topics and files: the last word on an item counts, what cannot be used is
counted.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from encoder.corpus.corpus import Feedback
from encoder.corpus.kafka_log import Record, write_transaction
from encoder.corpus.source import from_files, from_topics, read
from encoder.release.shelf import Shelf


def value(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_last_value_of_an_item_counts_and_null_withdraws_it() -> None:
    items = [
        (b"a", value(item_id="a", title="old")),
        (b"b", value(item_id="b", title="b")),
        (b"a", value(item_id="a", title="new", unknown=1)),
        (b"b", None),
        (b"never", None),
    ]
    source = read(items, [])
    assert [(item["item_id"], item["title"]) for item in source.items] == [("a", "new")]


def test_times_come_in_both_forms() -> None:
    clicks = [
        value(slate_id="s", user_id="u", item_id="a", ts=1.5),
        value(slate_id="s", user_id="u", item_id="b", kind="conversion", ts="1970-01-01T00:01:00Z"),
        value(slate_id="s", user_id="u", item_id="c", ts="1970-01-01T01:00:00+01:00"),
    ]
    assert read([], clicks).feedback == [
        Feedback("u", "a", "click", 1.5),
        Feedback("u", "b", "conversion", 60.0),
        Feedback("u", "c", "click", 0.0),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        None,
        b"",
        b"{",
        b"\xff\xfe",
        value(item_id="a", ts=1),
        value(user_id="u", item_id="", ts=1),
        value(user_id="u", item_id="a", ts=-1),
        value(user_id="u", item_id="a", ts="yesterday"),
        value(user_id="u", item_id="a", ts="1970-01-01T00:00:00"),
        value(user_id="u", item_id="a", ts=1, kind="look"),
    ],
)
def test_unusable_click_is_left_out_and_counted(bad: bytes | None) -> None:
    source = read([], [bad, value(user_id="u", item_id="a", ts=1)])
    assert source.left_out == {"clicks": 1}
    assert len(source.feedback) == 1


def test_unusable_item_is_left_out_and_counted() -> None:
    source = read(
        [
            (b"a", value(title="no id")),
            (b"b", value(item_id="b", price="dear")),
            (b"c", value(item_id="c")),
        ],
        [],
    )
    assert source.left_out == {"items": 2}
    assert [item["item_id"] for item in source.items] == ["c"]


def test_files_hold_the_same_events(tmp_path: Path) -> None:
    (tmp_path / "items").write_bytes(
        value(item_id="b") + b"\n\n" + value(item_id="a", tags=["x"]) + b"\n"
    )
    (tmp_path / "clicks").write_bytes(value(user_id="u", item_id="a", ts=1) + b"\n")
    source = from_files(tmp_path / "items", tmp_path / "clicks")
    assert [item["item_id"] for item in source.items] == ["a", "b"]
    assert source.items[0]["tags"] == ["x"]
    assert len(source.feedback) == 1
    assert from_files(tmp_path / "items").feedback == []


def test_topics_are_read_to_their_end(shelf: Shelf) -> None:
    items = [
        Record(shelf.topics.items, f"i{n}", value(item_id=f"i{n}", title=str(n)))
        for n in range(300)
    ]
    clicks = [
        Record(shelf.topics.clicks, "u", value(user_id="u", item_id=f"i{n}", ts=n))
        for n in range(200)
    ]
    write_transaction(shelf.client, "users", [*items, *clicks])
    source = from_topics(shelf.client, shelf.topics)
    assert len(source.items) == 300
    assert [f.item_id for f in source.feedback] == [f"i{n}" for n in range(200)]
    assert source.left_out == {}
