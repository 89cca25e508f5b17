"""Field words: which context fields segments are served apart by, and why, in words."""

import numpy as np

from bandits.counts import zeros
from bandits.learning.segment_fields import SegmentFields
from bandits.learning.segment_groups import Splits
from bandits.slates.config import SlateConfig
from bandits.slates.learner import MOST_FIELD_CELLS
from bandits.slates.refresh import Known, LearnedSums, learned
from bandits.slates.request import Catalogue
from streams.config import Settings
from streams.contract.http import SegmentFieldRow, SegmentFieldsPage
from streams.serving.counts_view import Index, read_counts

SHOWN_NATS = 1000.0  # beyond, nobody minds how much


def fields_page(config: SlateConfig, known: Known, fields: SegmentFields) -> SegmentFieldsPage:
    """What is in force, field by field, those that say most first."""
    n_segments = known.n_segments
    groups = known.groups
    if groups is None:
        text = _without(config, fields, isinstance(known, LearnedSums))
        return SegmentFieldsPage(config.segments, n_segments, n_segments, text, [])
    splits = groups.splits
    order = sorted(range(len(fields.fields)), key=lambda f: (not splits.apart[f], -splits.gains[f]))
    rows = [_row(splits, fields, f) for f in order]
    apart = [fields.fields[f] for f in order if splits.apart[f]]
    by = f"by {', '.join(apart)}" if apart else "alike, whatever their fields"
    text = (
        f"{n_segments} segments with counts are served as {len(groups.codes)}: {by}. "
        f"Learned from {splits.looks:,.0f} looks."
    )
    return SegmentFieldsPage(config.segments, n_segments, len(groups.codes), text, rows)


def learn_fields(settings: Settings, config: SlateConfig) -> SegmentFieldsPage:
    """The same from the committed counts alone, every impression taken for a look."""
    segments, items = Index(), Index()
    rows = [
        (
            segments.number(row["segment"]),
            items.number(row["item_id"]),
            row["impressions"],
            row["clicks"],
        )
        for row in read_counts(settings)
    ]
    fields = SegmentFields(settings.segment_fields)
    counts = zeros(len(segments), len(items))
    if rows:
        segment, item, impressions, clicks = np.array(rows).T
        for array, value in (
            (counts.impressions, impressions),
            (counts.examined, impressions),
            (counts.clicks, clicks),
        ):
            array[segment, item] = value
    nothing = np.full(len(items), np.nan)
    catalogue = Catalogue(nothing == 0, nothing, np.full(len(items), -1, dtype=np.int32), None)
    codes = fields.codes(segments.names)
    return fields_page(config, learned(config, counts, catalogue, codes), fields)


def _row(splits: Splits, fields: SegmentFields, f: int) -> SegmentFieldRow:
    clicks = float(splits.clicks[f])
    with_others = [fields.fields[a if b == f else b] for a, b, _ in splits.pairs if f in (a, b)]
    alone, gain = bool(np.isfinite(clicks)), float(min(splits.gains[f], SHOWN_NATS))
    said = []
    if alone:
        said.append(
            f"its values differ in what they click: an item's clicks with a value and what all "
            f"values say weigh the same at {clicks:.1f} clicks"
        )
    if with_others:
        said.append(f"it says more together with {', '.join(with_others)}")
    if not said:
        said.append("nothing that is clicked more with one value than with another shows so far")
    return SegmentFieldRow(
        fields.fields[f],
        len(fields.values(f)),
        splits.apart[f],
        clicks if alone else None,
        gain,
        with_others,
        "; ".join(said),
    )


def _without(config: SlateConfig, fields: SegmentFields, many: bool) -> str:
    if many and len(fields.fields) > 1:
        return (
            "every segment is served by itself: there are more than "
            f"{MOST_FIELD_CELLS:,} pairs of segment and item"
        )
    if len(fields.fields) < 2:
        return (
            "every segment is served by itself: SLATESTREAM_SEGMENT_FIELDS names fewer than two "
            "context fields"
        )
    said = f"the policy file says segments = {config.segments!r}"
    return f"every combination is served by itself: {said}"
