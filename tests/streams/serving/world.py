"""A builder without a broker: it reads records from a list, and its state is made when a test says
so. Twelve items; the first is clicked half of the time in segment x, the others never.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bandits.slates.config import DEFAULT, SlateConfig
from bandits.slates.variants import PolicyFile, only
from streams.contract.count_rows import (
    NOTHING,
    Before,
    CountRow,
    before,
    encode_count,
    encode_count_key,
)
from streams.contract.events import Slate, SlateRequest
from streams.metrics import ServingMetrics
from streams.serving.builder import Builder
from streams.serving.responder import Responder
from tests.streams.making import NOW_S, START_S, record, settings

ITEMS = [f"item-{number}" for number in range(12)]
COUNTS = "slatestream-counts-changelog"


class Log:
    """Stands for the reader: what has come since the last batch."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.there = True  # the brokers answer

    def batch(self, _wait_s: float) -> list[Any]:
        found, self.records = self.records, []
        return found

    def at_end(self) -> bool:
        return True

    def read_to_end(self, _topic: str) -> set[int]:
        return {0}

    def answers(self) -> bool:
        return self.there

    def lag(self) -> int:
        return 0


class World:
    """The builder, and a responder on it."""

    def __init__(
        self, tmp_path: Path, config: SlateConfig | PolicyFile = DEFAULT, fields: str = "age"
    ) -> None:
        file = config if isinstance(config, PolicyFile) else only(config)
        self.metrics = ServingMetrics()
        made_of = settings(tmp_path, SLATESTREAM_SEGMENT_FIELDS=fields)
        self.builder = Builder(made_of, file, self.metrics, pytest.fail)
        self.log = Log()
        self._rows: dict[bytes, Before] = {}
        self._offset = 0
        self.users = self.builder.users
        self.responder = Responder(
            file, "group", made_of.segment_fields, self.builder, self.users, self.metrics
        )
        self.now_s = NOW_S

    def fill(self) -> World:
        for item in ITEMS:
            self.describe(item)
            self.count("x", item, 1000.0, 500.0 if item == ITEMS[0] else 0.0)
        self.turn()
        return self

    def describe(self, item: str, **fields: Any) -> None:
        value = msgspec.json.encode({"item_id": item, **fields})
        self.log.records.append(record(value, item.encode(), "items"))

    def withdraw(self, item: str) -> None:
        self.log.records.append(record(None, item.encode(), "items"))

    def count(self, segment: str, item: str, impressions: float, clicks: float = 0.0) -> None:
        row = CountRow()
        row.impressions = row.examined = impressions
        row.clicks = row.value = clicks
        key = encode_count_key(segment, item)
        value = encode_count(row, since=self._rows.get(key, NOTHING))
        self._rows[key] = before(row, discounted=False)
        self.changelog(key, value)

    def changelog(self, key: bytes, value: bytes, partition: int = 0) -> None:
        """A record of the counts changelog."""
        self.log.records.append(record(value, key, COUNTS, partition, self._offset))
        self._offset += 1

    def turn(self, after_s: float = 0.0) -> None:
        """The builder's next turn, so much later."""
        self.now_s += after_s
        self.builder.turn(self.log, self.now_s)  # type: ignore[arg-type]

    def ask(self, request: SlateRequest) -> Slate:
        slate = self.responder.answer(request, self.now_s)
        assert slate is not None
        return slate

    def waits(self, request: SlateRequest) -> bool:
        return self.responder.answer(request, self.now_s, wait=True) is None


def request(name: str = "r", **fields: Any) -> SlateRequest:
    return SlateRequest(name, fields.pop("user", "u"), START_S, **fields)


def shown(slate: Slate) -> list[str]:
    return [item.item_id for item in slate.items]
