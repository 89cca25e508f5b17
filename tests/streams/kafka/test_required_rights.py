"""Rights of a worker: of a broker without an authorizer, or one that does not say, none is missing.
Those with ACLs are in tests/kafka/test_rights.py.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from streams.kafka.client import connect
from streams.kafka.names import app_id
from streams.kafka.required_rights import Right, RightsError, check_rights, lacking, worker_rights
from tests.streams.making import settings


def test_a_worker_needs_its_topics_changelogs_and_group(tmp_path: Path) -> None:
    wanted = worker_rights(settings(tmp_path, SLATESTREAM_TOPIC_PREFIX="shop."))
    assert Right("Read", "topic", "shop.impressions") in wanted
    assert Right("Write", "topic", "shop.slatestream-counts-changelog") in wanted
    assert Right("Read", "group", "shop.slatestream") in wanted
    assert len(set(wanted)) == len(wanted)


@pytest.mark.parametrize(
    "broker",
    [
        pytest.param("local_broker", marks=pytest.mark.local),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ],
)
def test_nothing_is_missing_where_nothing_is_forbidden(
    broker: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Before any topic is there, too."""
    prefix = f"{uuid.uuid4().hex}."
    bootstrap = request.getfixturevalue(broker)
    mine = settings(tmp_path, bootstrap, SLATESTREAM_TOPIC_PREFIX=prefix)
    assert lacking(connect(mine), worker_rights(mine)) == []


def test_all_that_is_missing_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = app_id(settings(tmp_path))
    missing = [Right("Read", "topic", "clicks"), Right("Read", "group", group)]
    monkeypatch.setattr("streams.kafka.required_rights.lacking", lambda *_: missing)
    with pytest.raises(RightsError) as refused:
        check_rights(None, missing)  # type: ignore[arg-type]
    assert str(refused.value).startswith(
        "expected the rights Read on topic clicks, Read on group slatestream, found them missing; "
    )
