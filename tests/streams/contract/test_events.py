"""The decoder at the boundary: what the contract allows comes through, all else is `EventError`
with field, expected and found.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.contract import events
from streams.contract.events import (
    FIRST_SECOND,
    LAST_SECOND,
    MAX_ID_LENGTH,
    MAX_POSITION,
    Click,
    DeadLetter,
    Decode,
    EventError,
    Impression,
    Item,
    OfferedItem,
    OfferedSlate,
    SeenItem,
    Slate,
    SlateItem,
    SlateRequest,
    encode,
    seconds,
)

DECODERS: dict[str, Decode[Any]] = {
    "item": events.decode_item,
    "impression": events.decode_impression,
    "click": events.decode_click,
    "request": events.decode_slate_request,
    "slate": events.decode_slate,
    "offered slate": events.decode_offered_slate,
    "dead letter": events.decode_dead_letter,
}
LEAST: dict[str, dict[str, Any]] = {
    "item": {"item_id": "i"},
    "impression": {
        "slate_id": "s",
        "user_id": "u",
        "item_id": "i",
        "position": 0,
        "ts": 1_000_000_001.5,
    },
    "click": {"slate_id": "s", "user_id": "u", "item_id": "i", "ts": 1_000_000_001.5},
    "request": {"request_id": "r", "user_id": "u", "ts": 1_000_000_001.5},
}

name = st.text(st.characters(codec="utf-8"), min_size=1, max_size=MAX_ID_LENGTH)
quoted = st.text(st.characters(codec="utf-8"))
finite = st.floats(allow_nan=False, allow_infinity=False)
time = st.floats(FIRST_SECOND, LAST_SECOND) | st.datetimes(timezones=st.just(datetime.UTC))
context = st.none() | st.dictionaries(
    st.text(max_size=5),
    name | finite | st.integers() | st.booleans() | st.none(),
    max_size=3,
)
propensity = st.floats(1e-9, 1)
slate_item = st.builds(
    SlateItem,
    name,
    st.integers(0, 99),
    finite,
    finite,
    st.dictionaries(name, finite, max_size=3),
)
EVENTS = st.one_of(
    st.builds(
        Item,
        name,
        *[st.none() | name] * 4,
        st.none() | finite,
        st.none() | st.lists(name),
        st.none() | st.lists(finite),
        st.booleans(),
    ),
    st.builds(
        Impression,
        name,
        name,
        time,
        name,
        st.integers(0, MAX_POSITION),
        segment=st.none() | name,
        context=context,
        propensity=st.none() | propensity,
    ),
    st.builds(
        Impression,
        name,
        name,
        time,
        items=st.none()
        | st.lists(
            name
            | st.builds(
                SeenItem,
                name,
                st.none() | st.integers(0, MAX_POSITION),
                st.none() | propensity,
            ),
            min_size=1,
            max_size=4,
        ),
        segment=st.none() | name,
        context=context,
    ),
    st.builds(
        Click,
        name,
        name,
        name,
        time,
        st.sampled_from(["click", "conversion"]),
        st.floats(-1e15, 1e15),
    ),
    st.builds(
        SlateRequest,
        name,
        name,
        time,
        st.integers(1, 100),
        st.none() | name,
        context,
        *[st.none() | st.lists(name)] * 2,
    ),
    st.builds(
        Slate,
        name,
        st.none() | name,
        st.none() | name,
        name,
        name,
        name,
        name,
        name,
        st.none() | name,
        finite,
        st.lists(slate_item, max_size=3),
        finite,
    ),
    st.builds(
        OfferedSlate,
        name,
        name,
        name,
        time,
        st.lists(
            st.builds(OfferedItem, name, st.integers(0, MAX_POSITION), propensity), max_size=3
        ),
        name,
    ),
    st.builds(
        DeadLetter,
        name,
        st.integers(0, 99),
        st.integers(0, 2**63 - 1),
        name,
        st.none() | name,
        quoted,
        finite,
    ),
)


def test_every_decoder_stands_in_the_tests() -> None:
    assert set(map(id, DECODERS.values())) == {
        id(each) for each in vars(events).values() if isinstance(each, Decode)
    }


@given(EVENTS)
def test_every_event_comes_back_as_it_was(event: Any) -> None:
    decode = {
        Item: "item",
        Impression: "impression",
        Click: "click",
        SlateRequest: "request",
        Slate: "slate",
        OfferedSlate: "offered slate",
        DeadLetter: "dead letter",
    }
    assert DECODERS[decode[type(event)]](encode(event)) == event


@pytest.mark.parametrize("kind", LEAST)
def test_the_required_fields_are_enough_and_unknown_ones_are_ignored(kind: str) -> None:
    wide = {**LEAST[kind], "colour": "blue", "nested": {"a": [1]}}
    assert DECODERS[kind](json.dumps(wide).encode()) == DECODERS[kind](
        json.dumps(LEAST[kind]).encode()
    )


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, fields in LEAST.items() for field in fields]
)
def test_a_missing_required_field_is_named(kind: str, field: str) -> None:
    rest = {key: value for key, value in LEAST[kind].items() if key != field}
    with pytest.raises(EventError, match=f"missing required field `{field}`"):
        DECODERS[kind](json.dumps(rest).encode())


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("impression", {"position": -1}, "field `position`: expected `int` >= 0, found -1"),
        (
            "impression",
            {"position": "1"},
            'field `position`: expected `int | null`, got `str`, found "1"',
        ),
        ("impression", {"propensity": 0}, "field `propensity`: expected `float` > 0.0, found 0"),
        (
            "impression",
            {"propensity": 1.5},
            "field `propensity`: expected `float` <= 1.0, found 1.5",
        ),
        ("impression", {"user_id": ""}, 'field `user_id`: expected `str` of length >= 1, found ""'),
        (
            "impression",
            {"item_id": None},
            "object missing required field `item_id`",
        ),
        (
            "impression",
            {"ts": "yesterday"},
            'field `ts`: invalid RFC3339 encoded datetime, found "yesterday"',
        ),
        (
            "impression",
            {"ts": "2026-01-01T00:00:00"},
            "field `ts`: expected `datetime` with a timezone component",
        ),
        ("impression", {"ts": -1}, "field `ts`: expected `float` >= 946684800.0, found -1"),
        (
            "impression",
            {"position": 18446744073709551616},
            "field `position`: expected `int` <= 9999",
        ),
        (
            "impression",
            {"ts": 1_700_000_000_000},
            "field `ts`: expected `float` <= 253402300799.0, found 1700000000000",
        ),
        ("click", {"kind": "view"}, "field `kind`: invalid enum value 'view', found \"view\""),
        (
            "click",
            {"value": 1e300},
            "field `value`: expected `float` <= 1000000000000000.0, found 1e+300",
        ),
        ("click", {"slate_id": "x" * 513}, "field `slate_id`: expected `str` of length <= 512"),
        ("request", {"k": 101}, "field `k`: expected `int` <= 100, found 101"),
        (
            "request",
            {"candidates": ["a", 7]},
            "field `candidates[1]`: expected `str`, got `int`, found 7",
        ),
        (
            "item",
            {"vector": [0.5, "x"]},
            'field `vector[1]`: expected `float`, got `str`, found "x"',
        ),
    ],
)
def test_the_reason_names_field_expected_and_found(
    kind: str, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(EventError) as refused:
        DECODERS[kind](json.dumps(LEAST[kind] | change).encode())
    assert str(refused.value).startswith(reason)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "expected a JSON object, found no value"),
        (b"", "expected a JSON object in UTF-8, found broken JSON: Input data was truncated"),
        (b"{", "expected a JSON object in UTF-8, found broken JSON"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"slate_id":"\xff"}', "expected a JSON object in UTF-8, found broken JSON"),
        # and what follows is broken
        (b'{"slate_id": 1', "field `slate_id`: expected `str`, got `int`"),
        (b'{"slate_id": 1, "x": "\xff"}', "field `slate_id`: expected `str`, got `int`"),
        (
            b'{"slate_id":' + b"[" * 400 + b"]" * 400 + b"}",
            "field `slate_id`: expected `str`, got `array`",
        ),
    ],
)
def test_what_is_no_json_object_in_utf_8_is_refused(value: bytes | None, reason: str) -> None:
    with pytest.raises(EventError) as refused:
        events.decode_impression(value)
    assert str(refused.value).startswith(reason)


def test_a_field_that_stands_there_twice_is_no_trap() -> None:
    with pytest.raises(EventError, match="field `candidates"):
        events.decode_slate_request(
            b'{"request_id":"r","user_id":"u","ts":1e9,"candidates":[1],"candidates":[]}'
        )


def test_the_same_time_in_three_ways_is_the_same_second() -> None:
    times = ["1700000000.25", '"2023-11-14T22:13:20.25Z"', '"2023-11-15T00:13:20.25+02:00"']
    found = [
        events.decode_click(
            f'{{"slate_id":"s","user_id":"u","item_id":"i","ts":{time}}}'.encode()
        ).ts
        for time in times
    ]
    assert [seconds(ts) for ts in found] == [1_700_000_000.25] * 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = sorted(
    {field for fields in LEAST.values() for field in fields}
    | {"k", "context", "candidates", "value", "kind", "tags", "vector"}
)


@st.composite
def nearly_events(draw: st.DrawFn) -> bytes:
    """An event with a few fields replaced, as JSON, then perhaps cut short or with a
    byte changed.
    """
    fields = draw(st.sampled_from(list(LEAST.values()))) | draw(
        st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3)
    )
    value = bytearray(
        json.dumps(fields, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")
    )
    if draw(st.booleans()):
        value = value[: draw(st.integers(0, len(value)))]
    if value and draw(st.booleans()):
        value[draw(st.integers(0, len(value) - 1))] = draw(st.integers(0, 255))
    return bytes(value)


@pytest.mark.parametrize("kind", DECODERS)
@given(value=st.binary(max_size=100) | nearly_events())
@example(value=b"[" * 100_000)
@example(value=b'{"a":' * 100_000)
@example(value=b'{"ts":1' + b"0" * 5000 + b"}")
def test_no_bytes_raise_anything_but_event_error(kind: str, value: bytes) -> None:
    try:
        event = DECODERS[kind](value)
    except EventError as refused:
        assert str(refused)
    else:
        encode(event)
        if hasattr(event, "ts"):
            assert isinstance(seconds(event.ts), float)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ({"position": 2.0}, {"position": 2}),
        ({"segment": None, "context": None, "propensity": None}, {}),
        ({"context": {"a": None, "b": [1], "c": {"d": 1}}}, None),
    ],
)
def test_what_producers_write_besides_is_taken(written, plain) -> None:
    value = LEAST["impression"] | written
    event = events.decode_impression(orjson.dumps(value))
    assert event == events.decode_impression(
        orjson.dumps(value if plain is None else LEAST["impression"] | plain)
    )


def test_null_is_as_good_as_absent_where_a_field_has_a_default() -> None:
    request = LEAST["request"]
    assert events.decode_slate_request(orjson.dumps(request | {"k": None})).k == 10
    assert events.decode_slate_request(orjson.dumps(request | {"k": 5.0})).k == 5
    with pytest.raises(EventError, match=r"`k`: expected `int.*`, got `float`, found 5\.5"):
        events.decode_slate_request(orjson.dumps(request | {"k": 5.5}))


def test_a_byte_order_mark_is_taken_off() -> None:
    value = orjson.dumps(LEAST["click"])
    assert events.decode_click(b"\xef\xbb\xbf" + value) == events.decode_click(value)


def test_a_date_before_the_year_2000_is_refused_in_words_too() -> None:
    for written in ("0001-01-01T00:00:00Z", "1969-12-31T23:00:00Z"):
        event = events.decode_click(orjson.dumps(LEAST["click"] | {"ts": written}))
        with pytest.raises(EventError, match="expected a time from 2000-01-01 on"):
            seconds(event.ts)


def test_a_time_ahead_of_the_clock_is_refused() -> None:
    events.check_time(1_000_000_000.0, 1_000_000_000.0)
    with pytest.raises(EventError, match="SLATESTREAM_MAX_AHEAD_S"):
        events.check_time(1_000_000_001.0, 1_000_000_000.0)
