"""`stats export`: JSON lines on stdout, nothing else there; what a worker counted is tested with
the docs' walkthrough.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest

from streams import cli
from streams.serving import counts_view as view


@pytest.mark.local
def test_before_the_first_worker_there_are_no_counts_and_that_is_no_failure(
    local_broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {"KAFKA_BOOTSTRAP_SERVERS": local_broker, "SLATESTREAM_GROUP": uuid.uuid4().hex}
    assert cli.main(["stats", "export"], env) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no counts yet" in shown.err


@pytest.mark.local
def test_each_row_is_a_line_and_the_segment_is_handed_on(
    local_broker: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {
        "segment": "s",
        "item_id": "i",
        "impressions": 3,
        "clicks": 1,
        "conversions": 0,
        "value": 1.0,
    }
    asked: list[str | None] = []

    def read_counts(settings: object, segment: str | None = None) -> Iterator[dict[str, object]]:
        asked.append(segment)
        yield row

    monkeypatch.setattr(view, "read_counts", read_counts)
    assert (
        cli.main(
            ["stats", "export", "--segment", "s", "--json"],
            {"KAFKA_BOOTSTRAP_SERVERS": local_broker},
        )
        == 0
    )
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [row]
    assert asked == ["s"]


@pytest.mark.local
def test_which_fields_matter_is_said_before_there_are_counts_too(
    local_broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": local_broker,
        "SLATESTREAM_GROUP": uuid.uuid4().hex,
        "SLATESTREAM_SEGMENT_FIELDS": "age,city",
    }
    assert cli.main(["stats", "segments", "--json"], env) == 0
    page = json.loads(capsys.readouterr().out)
    assert [row["field"] for row in page["fields"]] == ["age", "city"]
    assert cli.main(["stats", "segments"], env) == 0
    assert "age (0 values): served as one" in capsys.readouterr().out
