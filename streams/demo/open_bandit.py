"""The Open Bandit log through the system: 10,000 real impressions and their clicks, then the counts
against the file.

The rows go out now, with their positions and propensities; only their time is that of the replay,
so that they fall inside the attribution window. A row has no slate and no user: each is a slate of
one, shown to a user of its own.

Saito, Aihara, Matsutani & Narita (2021), Open Bandit Dataset and Pipeline: Towards Realistic and
Reproducible Off-Policy Evaluation.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bandits.ope.log import LogError
from bandits.ope.open_bandit import installed_campaign, read_obd
from streams.config import Settings
from streams.contract.events import Click, Impression, encode
from streams.contract.topics import TopicNames
from streams.kafka.producer import EventSender

SEGMENT = "open-bandit"
POLL_S = 0.5
COUNTED_TIMEOUT_S = 30.0


class Row(NamedTuple):
    """One logged impression."""

    item_id: str
    position: int
    propensity: float
    click: bool


class Counted(NamedTuple):
    """What the file says and what the workers counted, over all items; `different` names items that
    disagree.
    """

    impressions: int
    clicks: int
    counted_impressions: int
    counted_clicks: int
    items: int
    different: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether every item has the file's impressions and clicks."""
        return not self.different


def read_rows() -> list[Row] | None:
    """The log in the order of time; None when the package is not installed."""
    try:
        log = read_obd(installed_campaign()).log
    except LogError:
        return None
    columns = zip(log.item, log.position, log.propensity, log.click, strict=True)
    return [
        Row(f"obd-{item}", int(position), float(share), bool(click))
        for item, position, share, click in columns
    ]


def send(rows: Iterable[Row], settings: Settings, now_s: float) -> None:
    """All impressions and clicks; a click follows its impression by 1 ms."""
    names = TopicNames(settings.topic_prefix)
    sender = EventSender(settings.kafka_client())
    for number, row in enumerate(rows):
        slate, user = f"{SEGMENT}-{number}", f"{SEGMENT}-user-{number}"
        seen = Impression(
            slate,
            user,
            now_s,
            row.item_id,
            row.position,
            segment=SEGMENT,
            propensity=row.propensity,
        )
        sender.send(names.impressions, user.encode(), encode(seen))
        if row.click:
            sender.send(
                names.clicks, user.encode(), encode(Click(slate, user, row.item_id, now_s + 0.001))
            )
    sender.flush()


def compare(rows: Iterable[Row], counts: Iterable[Mapping[str, Any]]) -> Counted:
    """The file against rows of `stats export`, item by item."""
    expected: dict[str, list[int]] = {}
    for row in rows:
        entry = expected.setdefault(row.item_id, [0, 0])
        entry[0] += 1
        entry[1] += row.click
    found = {
        row["item_id"]: [round(row["impressions"]), round(row["clicks"])]
        for row in counts
        if row["segment"] == SEGMENT
    }
    different = tuple(
        sorted(
            item for item in expected.keys() | found.keys() if expected.get(item) != found.get(item)
        )
    )
    return Counted(
        sum(n for n, _ in expected.values()),
        sum(n for _, n in expected.values()),
        sum(n for n, _ in found.values()),
        sum(n for _, n in found.values()),
        len(expected),
        different,
    )


def wait_counted(
    rows: list[Row],
    read_counts: Callable[[], Iterable[Mapping[str, Any]]],
    timeout_s: float = COUNTED_TIMEOUT_S,
) -> Counted:
    """Compare until all is equal, or `timeout_s` has passed; the last comparison either way."""
    end = time.monotonic() + timeout_s
    while True:
        counted = compare(rows, read_counts())
        if counted.equal or time.monotonic() > end:
            return counted
        time.sleep(POLL_S)
