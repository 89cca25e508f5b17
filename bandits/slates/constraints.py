"""Constraints of a slate: caps per category, caps and floors on exposure, and a budget for unproven
items.

    sated_a      I_a > max_share T + grace                no slot
    owed_a       I_a < min_share T                        at least `min_share_slots` slots together
    unproven_a   (pooled looks of a) m_a < proven_clicks  between `min_slots` and `max_slots` slots
                 together

with I_a the item's impressions in the segment, T their sum, m_a its prior click rate: "unproven" is
counted in clicks, so that it means the same at any click rate. Floors are chosen
for first and the slate then ordered by score (`bandits.slates.composition`), so they cost the
lowest places. A cap gives way only when nothing else is left: a slate never falls short of min(k,
eligible) for a cap. A floor whose members caps bar, or that has too few members, stays open.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats
from bandits.slates.config import SlateConfig

# Impressions before a share means anything: without it the first item ever shown has a share of 1
# and is capped.
GRACE = 10.0

Mask = NDArray[np.bool_]


class Limits(NamedTuple):
    """What a slate must respect, over one set of items.

    Attributes
    ----------
    category
        (n_items,) int32, -1 none, or None where categories are not capped.
    per_category
        Most items of one category in a slate.
    member
        (n_limits, n_items) bool: which items a limit counts.
    least, most
        Slots between which a limit wants its members, one per limit.

    """

    category: NDArray[np.int32] | None
    per_category: int
    member: Mask
    least: tuple[int, ...]
    most: tuple[int, ...]

    def of(self, items: NDArray[np.int64]) -> Limits:
        """Look at the same limits over some of the items."""
        category = None if self.category is None else self.category[items]
        return self._replace(category=category, member=self.member[:, items])


def limits(
    config: SlateConfig, arms: ArmView, impressions: Floats, category: NDArray[np.int32]
) -> Limits | None:
    """Limits that a policy file asks for, over all items; None where it asks for none.

    Parameters
    ----------
    config
        The policy file.
    arms
        The segment's view.
    impressions
        (n_items,) impressions in the segment, unweighted.
    category
        (n_items,) category codes, -1 for none.

    """
    exposure, exploration = config.exposure, config.exploration
    total = float(impressions.sum())
    anything = arms.prior_mean.size + 1  # no limit: more slots than items
    rows: list[tuple[Mask, int, int]] = []
    if exposure.max_share < 1:
        rows.append((impressions > exposure.max_share * total + GRACE, 0, 0))
    if exposure.min_share > 0:
        rows.append((impressions < exposure.min_share * total, exposure.min_share_slots, anything))
    if exploration.max_slots is not None or exploration.min_slots > 0:
        unproven = arms.pooled_impressions * arms.prior_mean < exploration.proven_clicks
        most = anything if exploration.max_slots is None else exploration.max_slots
        rows.append((unproven, exploration.min_slots, most))
    if not rows and exposure.max_per_category is None:
        return None
    member = (
        np.stack([row[0] for row in rows])
        if rows
        else np.zeros((0, arms.prior_mean.size), dtype=np.bool_)
    )
    return Limits(
        category=None if exposure.max_per_category is None else category,
        per_category=exposure.max_per_category or anything,
        member=member,
        least=tuple(row[1] for row in rows),
        most=tuple(row[2] for row in rows),
    )
