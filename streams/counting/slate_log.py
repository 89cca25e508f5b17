"""The slate log: finding, making and keeping the row of a slate."""

import math

from streams.counting.partition import Partition
from streams.counting.rows import SEEN, Seen, SlateRow, items_of
from streams.counting.rules import Rules

# a slate has 100 at most; one slate_id for everything would make a row that no record can hold
MAX_SLATE_ITEMS = 1000
OVERFULL = (
    f"expected at most {MAX_SLATE_ITEMS} items with one slate_id, found more: is it unique per "
    "slate?"
)
# expiries are rounded up to this fraction of the window: fewer index entries, rows kept up to 1/8
# longer
EXPIRY_STEPS = 8


def horizon(partition: Partition) -> float:
    """The newest time seen: a row made by an older event lives from here on, not from
    its own time.
    """
    return max(partition.watermark_s, *partition.stream_s.values(), 0.0)


def entry(row: SlateRow, item_id: str) -> Seen:
    """What the slate's row knows of an item, in the form that can say more than the time of its
    impression.
    """
    items = items_of(row)
    seen = items.get(item_id)
    if not isinstance(seen, Seen):
        seen = items[item_id] = Seen() if seen is None else Seen(SEEN, seen)
    return seen


def open_row(partition: Partition, slate_id: str, expires_s: float, rules: Rules) -> SlateRow:
    """The row of a slate, marked as changed; a new one lives until `expires_s`."""
    row = partition.dirty_slates.get(slate_id)
    if row is not None:
        return row
    row = partition.slate(slate_id)
    if row is None:
        row = SlateRow(rounded(expires_s, rules))
        partition.slates[slate_id] = row
    partition.dirty_slates[slate_id] = row
    return row


def extend(row: SlateRow, expires_s: float, rules: Rules) -> None:
    """Let a row live until `expires_s` at least."""
    if expires_s > row.expires_s:
        row.expires_s = rounded(expires_s, rules)


def rounded(expires_s: float, rules: Rules) -> float:
    """An expiry rounded up: fewer index entries."""
    step = rules.attribution_window_s / EXPIRY_STEPS
    return math.ceil(expires_s / step) * step
