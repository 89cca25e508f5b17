"""The slates that slatestream made, from a file of JSON lines: what an impression may leave to its
slate.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bandits.ope.log import LogError
from bandits.ope.read_lines import read_events, text


class Offered(NamedTuple):
    """One slate: its segment, and position and propensity by item."""

    segment: str
    items: Mapping[str, tuple[int, float]]


NO_SLATE = Offered("", {})


def read_slates(path: Path) -> dict[str, Offered]:
    """The slates by id; the first of an id holds.

    Raises
    ------
    LogError
        A line is no slate.
    """
    slates: dict[str, Offered] = {}
    for where, event in read_events(path):
        items = event.get("items")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            msg = f"expected a list of items at {where}, found {items!r:.100}"
            raise LogError(msg)
        offered = {
            text(item, "item_id", where): (item.get("position", at), item.get("propensity"))
            for at, item in enumerate(items)
        }
        slates.setdefault(
            text(event, "slate_id", where), Offered(text(event, "segment", where), offered)
        )
    return slates


def one_by_one(
    event: Mapping[str, Any], where: str, slates: Mapping[str, Offered]
) -> Iterator[dict[str, Any]]:
    """The impressions of single items that an event stands for: of one item, of a list, or of the
    whole slate. Segment, position and propensity are the event's own, else the slate's.

    Raises
    ------
    LogError
        A list that is none, and a whole slate without a file of slates.
    """
    slate = slates.get(str(event.get("slate_id")), NO_SLATE)
    if "item_id" in event:
        listed: list[Any] = [event]
    elif "items" in event:
        listed = event["items"] if isinstance(event["items"], list) else [None]
    elif not slates:
        msg = f"expected the slates of whole-slate impressions such as {where}; give --slates FILE"
        raise LogError(msg)
    else:  # a slate that the file does not hold is left out: it may be older
        listed = [{"item_id": item} for item in slate.items]
    for at, item in enumerate(listed):
        own = {"item_id": item} if isinstance(item, str) else item
        if not isinstance(own, Mapping):
            msg = f"expected item ids or objects in items at {where}, found {item!r:.100}"
            raise LogError(msg)
        known = slate.items.get(str(own.get("item_id")), (at, None))
        place = known[0] if "items" not in event else at
        yield {
            **event,
            "item_id": own.get("item_id"),
            "position": own.get("position", place),
            "propensity": own.get("propensity", known[1]),
            "segment": event.get("segment") or slate.segment or None,
        }
