"""Whatever one record says becomes an event or a dead letter, and the partition goes on: random
records, nearly right ones above all, under every kind of policy file.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.counting.chunk import CLICKS, IMPRESSIONS, SLATES
from streams.counting.consumer import sample_of
from streams.counting.expiry import expire
from streams.counting.ingest import count_chunk
from streams.counting.parse import parse
from streams.counting.partition import Partition
from streams.counting.rocksdb import Disk
from streams.counting.rules import Rules
from tests.streams.making import NOW_S, RULES, START_S, chunk_of, empty, flush, record

RULES_OF = {
    "plain": RULES,
    "half-life": RULES._replace(half_life_s=60.0),
    "places": RULES._replace(examination=(1.0, 0.5)),
    "fields": RULES._replace(segment_fields=("tier", "age")),
    "all": Rules(100.0, 1000.0, ("tier",), (1.0, 0.5, 0.0), 1.0),
}
numbers = st.one_of(
    st.integers(-3, 12),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([2.0, 9999, 10_000, 2**63, 2**64, 1e308, -0.0, START_S, 1e12, 946_684_800]),
)
texts = st.sampled_from(["s", "t", "i", "j", "", "x" * 600, "a,b=c%", "\ud800", "\u0000", "é"])
scalars = st.none() | st.booleans() | numbers | texts | st.text(max_size=4)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
times = st.sampled_from(
    [START_S, START_S + 50, "2001-09-14T23:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"]
)
GOOD: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    IMPRESSIONS: {
        "slate_id": st.sampled_from(["s", "t"]),
        "user_id": st.just("u"),
        "item_id": st.sampled_from(["i", "j"]),
        "position": st.integers(0, 9999),
        "ts": times,
        "items": st.lists(
            st.sampled_from(["i", "j"])
            | st.fixed_dictionaries({"item_id": st.just("k"), "position": numbers}),
            max_size=3,
        ),
        "segment": st.sampled_from(["seg", "default"]),
        "context": st.dictionaries(st.sampled_from(["tier", "age"]), values, max_size=2),
        "propensity": st.floats(0, 1),
    },
    CLICKS: {
        "slate_id": st.sampled_from(["s", "t"]),
        "user_id": st.just("u"),
        "item_id": st.sampled_from(["i", "j"]),
        "ts": times,
        "kind": st.sampled_from(["click", "conversion"]),
        "value": numbers,
    },
    SLATES: {
        "slate_id": st.sampled_from(["s", "t"]),
        "segment": st.sampled_from(["seg", "x"]),
        "policy_version": st.just("v"),
        "variant": st.sampled_from(["base", "other"]),
        "ts": times,
        "items": st.lists(
            st.fixed_dictionaries(
                {
                    "item_id": st.sampled_from(["i", "j"]),
                    "position": st.integers(0, 3),
                    "propensity": st.just(0.5),
                }
            ),
            max_size=3,
        ),
    },
}


def event_of(source: str) -> st.SearchStrategy[bytes]:
    """Fields that are right, left out, or anything."""
    absent = st.just(...)
    fields = {
        name: st.one_of(good, good, good, absent, values) for name, good in GOOD[source].items()
    }
    return st.fixed_dictionaries(fields).map(
        lambda event: json.dumps(
            {name: value for name, value in event.items() if value is not ...}
        ).encode()
    )


records = st.sampled_from([IMPRESSIONS, CLICKS, SLATES]).flatmap(
    lambda source: st.tuples(
        st.just(source),
        st.lists(
            st.tuples(
                st.sampled_from([b"u", b"u", b"u", b"", None]),
                event_of(source)
                | event_of(source).map(lambda event: b"\xef\xbb\xbf" + event)
                | values.map(lambda value: json.dumps(value).encode())
                | st.binary(max_size=12)
                | st.none(),
            ),
            max_size=5,
        ),
    )
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("fuzz") / "disk")


@pytest.mark.parametrize("rules", RULES_OF.values(), ids=RULES_OF)
@settings(max_examples=150)
@given(st.lists(records, max_size=6))
def test_no_record_stops_a_partition(
    shared: Disk, rules: Rules, read: list[tuple[str, list[tuple[bytes | None, bytes | None]]]]
) -> None:
    partition = Partition(0, empty(shared), 10, rules.half_life_s)
    number, letters, events = 0, 0, 0
    for source, content in read:
        own = [
            record(value, key, source, 0, number + at) for at, (key, value) in enumerate(content)
        ]
        parsed = parse(source, list(own), 1000, rules)
        sample_of(source, own)
        chunk = chunk_of([])._replace(
            source=source, topic=source, start=number, end=number + len(own), **parsed._asdict()
        )
        count_chunk(partition, chunk, rules, NOW_S)
        offsets = [each.original.offset for each in parsed.refused]
        assert offsets == sorted(set(offsets))
        letters += len(partition.rejected)
        events += len(own) - len(parsed.refused)
        number += len(own)
        flush(partition)
    assert letters + events >= number
    expire(partition, NOW_S + 10_000, 1000)
    flush(partition)
