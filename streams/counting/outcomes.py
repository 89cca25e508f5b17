"""Outcomes: what becomes of an event, counted per segment ("" where none is known). The names are
those of the metrics, and two that only the funnel has (`streams.contract.funnel_rows`).
"""

COUNTED_CLICK, COUNTED_CONVERSION = "click", "conversion"
BEYOND_SEGMENTS, UNKNOWN_ITEM = "other_segment", "unknown_item"  # see `limits`
DUPLICATE, WAITED, LATE, ORPHAN, REJECTED, EXPIRED = (
    "duplicate",
    "waiting",
    "late",
    "orphan",
    "rejected",
    "expired",
)
NOTED = "slate"  # a slate of this project
SETTLED = "settled"  # it waited, and is counted or late now
