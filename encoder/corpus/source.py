"""Where a corpus comes from: the topics `items` and `clicks`, or files with the same events as JSON
lines.

Events that cannot be used are left out and counted, never guessed at. What training needs of a
click is who, what, which kind and when; the slate is of no matter here.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from encoder.corpus.corpus import Feedback
from encoder.corpus.kafka_log import Topics, read_topic

Name = Annotated[str, msgspec.Meta(min_length=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Rfc3339 = Annotated[datetime.datetime, msgspec.Meta(tz=True)]


class _Item(msgspec.Struct):
    item_id: Name
    title: str | None = None
    text: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    tags: list[str] | None = None


class _Click(msgspec.Struct):
    user_id: Name
    item_id: Name
    ts: Seconds | Rfc3339
    kind: Literal["click", "conversion"] = "click"


class Source(NamedTuple):
    """What was read.

    Attributes: `items` as mappings, one per item id; `feedback`; `left_out`, the number of unusable
    events by kind.
    """

    items: list[dict[str, Any]]
    feedback: list[Feedback]
    left_out: dict[str, int]


def from_topics(client: Mapping[str, Any], topics: Topics) -> Source:
    """Read the catalogue and all clicks that the topics still hold.

    Raises
    ------
    encoder.corpus.kafka_log.LogError
        A topic cannot be read.

    """
    items = ((key, value) for key, value in read_topic(client, topics.items))
    return read(items, (value for _, value in read_topic(client, topics.clicks)))


def from_files(items: Path, clicks: Path | None = None) -> Source:
    """Read JSON lines: items, and clicks where there are any.

    Raises
    ------
    OSError
        A file cannot be read.

    """
    return read(((None, line) for line in _lines(items)), _lines(clicks) if clicks else [])


def read(
    items: Iterable[tuple[bytes | None, bytes | None]], clicks: Iterable[bytes | None]
) -> Source:
    """Make a source of raw events.

    Parameters
    ----------
    items
        Key and value per record, in order; the last value of an item counts, and None withdraws it.
    clicks
        Values in any order.

    Returns
    -------
    Items in the order of their ids, and what was done with them.

    """
    catalogue: dict[str, dict[str, Any]] = {}
    left_out: Counter[str] = Counter()
    for key, value in items:
        if value is None:
            catalogue.pop((key or b"").decode("utf-8", "replace"), None)
            continue
        item = _decode(value, _Item)
        if item is None:
            left_out["items"] += 1
        else:
            catalogue[item.item_id] = msgspec.to_builtins(item)
    feedback = []
    for value in clicks:
        click = None if value is None else _decode(value, _Click)
        if click is None:
            left_out["clicks"] += 1
        else:
            ts = click.ts.timestamp() if isinstance(click.ts, datetime.datetime) else click.ts
            feedback.append(Feedback(click.user_id, click.item_id, click.kind, ts))
    return Source([catalogue[item_id] for item_id in sorted(catalogue)], feedback, dict(left_out))


def _decode(value: bytes, kind: Any) -> Any:
    """The event, or None when it is not one."""
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _lines(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        # editors on Windows put a mark in front
        lines = (line.removeprefix(b"\xef\xbb\xbf") for line in file)
        yield from (line for line in lines if line.strip())
