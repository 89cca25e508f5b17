"""Status over HTTP: releases, and dead letters, also such that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from encoder.serving.wire import Release
from streams.contract.events import DeadLetter
from streams.serving.dead_letter_reader import DeadLetterReader
from tests.streams.serving.http.site import Site


def test_releases_stand_there_with_what_is_thought_of_them(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assembly = site.world.builder.embeddings.assembly
    assembly.add_release(Release("v1", 4, 2, "v1", "0" * 64, 1e9, {"recall": 0.5}))
    assembly.add_release(Release("v2", 4, 0, "../v2", "0" * 64, 2e9, {}))

    async def visit(client: Any) -> None:
        found = (await (await client.get("/v1/releases")).json())["releases"]
        assert [each["version"] for each in found] == ["v2", "v1"]
        assert found[0]["state"] == "refused"
        assert found[0]["reason"]
        assert not found[1]["in_force"]

    site.run(visit)


def test_dead_letters_come_newest_first_and_are_read_once_for_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []

    def letters(_self: DeadLetterReader, limit: int) -> list[DeadLetter]:
        reads.append(limit)
        return [DeadLetter("clicks", 0, n, "bad", None, "{", 1e9 - n) for n in range(limit)]

    monkeypatch.setattr(DeadLetterReader, "_letters", letters)

    async def visit(client: Any) -> None:
        for limit in (5, 3, 5):
            answer = await client.get(f"/v1/dead-letters?limit={limit}")
            found = (await answer.json())["dead_letters"]
            assert [each["offset"] for each in found] == list(range(limit))
        assert reads == [5]

    Site(tmp_path).run(visit)


def test_dead_letters_that_cannot_be_read_are_a_503_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: DeadLetterReader, _limit: int) -> list[DeadLetter]:
        raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "Read is missing"))

    monkeypatch.setattr(DeadLetterReader, "_letters", fail)

    async def visit(client: Any) -> None:
        answer = await client.get("/v1/dead-letters")
        assert answer.status == 503
        assert "Read is missing" in (await answer.json())["error"]

    Site(tmp_path).run(visit)
