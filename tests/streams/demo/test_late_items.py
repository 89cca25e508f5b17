"""Late items, watched."""

from __future__ import annotations

import numpy as np
import pytest

from streams.demo.late_items import Came, LateItems
from streams.demo.report import new_items
from streams.demo.world import invented


class Sender:
    """What was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None]] = []

    def send(self, topic: str, key: bytes | None, _value: bytes) -> None:
        self.sent.append((topic, key))


def watched() -> tuple[LateItems, Sender]:
    """Five items, the last three late."""
    world = invented([{"item_id": f"i{n}"} for n in range(5)], [], np.random.default_rng(0))
    late = np.array([False, False, True, True, True])
    return LateItems(world._replace(late=late)), Sender()


def test_late_items_are_sent_once_and_watched_from_then_on() -> None:
    """Sent at 100 s; i2 is shown after 1 s and 3 s, i3 after 3 s, i4 never. New items have 3 of 6
    places and 2 clicks, others 3 places and 1 click.
    """
    items, sender = watched()
    items.seen(np.array([0, 1]), np.array([True, True]), 99.0)
    items.send(sender, "items", 7, 100.0)
    assert items.sent
    assert sender.sent == [("items", b"i2"), ("items", b"i3"), ("items", b"i4")]
    items.seen(np.array([0, 2]), np.array([False, True]), 101.0)
    items.seen(np.array([1, 0]), np.array([True, False]), 102.0)
    items.seen(np.array([2, 3]), np.array([False, True]), 103.0)
    came = items.came(20)
    assert came[:6] == (3, 7, 2, 1.0, 3.0, 3)
    assert came[6:] == pytest.approx((0.5, 2000 / 3, 1000 / 3))
    assert new_items(came) == (
        "3 new items came at half time: the first was shown after 1.0 s, half of them within "
        "3.0 s, 2 in all. They had 50.0% of the places since and earned 667 clicks per 1,000 "
        "places, the others 333."
    )


def test_none_shown_is_said() -> None:
    items, sender = watched()
    items.send(sender, "items", 7, 100.0)
    came = items.came(20)
    assert came == Came(3, 7, 0, None, None, 0, 0.0, 0.0, 0.0)
    assert new_items(came) == "3 new items came at half time; none was shown"
    items.seen(np.array([2]), np.array([False]), 101.0)
    assert "after 1.0 s, 1 in all" in new_items(items.came(20))
