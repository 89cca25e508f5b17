"""Events to counts: a batch of impressions, with what became of them, added to the counts in one
pass.

    impressions[s, i] += number of events of (s, i)      clicks[s, i] += sum of their clicks
    ...

One pass per sum that the batch carries; sums it does not carry are shared with the counts before,
not copied. Counts whose `examined` *is* their `impressions`, one array for both, stay so and save a
pass, as long as no position is weighed. Wrong tool for events that arrive twice or out of order:
count those once first (the worker's attribution does).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.counts import Counts, CountsError


class Events(NamedTuple):
    """Impressions, each (n_events,).

    Attributes
    ----------
    segment, item
        Row and column, int64.
    click, conversion
        How many this impression earned, 0 or 1; None is 0 for all.
    value
        Summed value of its clicks and conversions; None is 0 for all.
    examined
        Examination weight of its position, in [0, 1]; None is 1 for all.

    """

    segment: NDArray[np.int64]
    item: NDArray[np.int64]
    click: NDArray[np.float64] | None = None
    conversion: NDArray[np.float64] | None = None
    value: NDArray[np.float64] | None = None
    examined: NDArray[np.float64] | None = None


def tally(counts: Counts, events: Events, *, in_place: bool = False) -> Counts:
    """Counts with a batch of events added; the counts given stay as they are unless `in_place`.

    Parameters
    ----------
    counts
        (n_segments, n_items) sums before.
    events
        The batch, in any order.
    in_place
        Write into the arrays of `counts`, which the caller must own and nobody else read: the
        copies cost more than the events where a batch has fewer events than the counts have cells.

    Examples
    --------
    >>> from bandits.counts import zeros
    >>> two = np.array([0, 0]), np.array([1, 1]), np.array([0.0, 1.0])
    >>> tally(zeros(1, 3), Events(*two)).clicks
    array([[0., 1., 0.]])

    Raises
    ------
    CountsError
        On a segment or item that the counts do not have, or weights in place where both sums are
        one array.

    """
    shape = counts.impressions.shape
    n_segments, n_items = shape
    for name, index, n in (("segment", events.segment, n_segments), ("item", events.item, n_items)):
        if index.size and not 0 <= int(index.min()) <= int(index.max()) < n:
            message = (
                f"events.{name} must be from 0 to {n - 1}, found {int(index.min())} to "
                f"{int(index.max())}; grow the counts"
            )
            raise CountsError(message)
    if in_place and events.examined is not None and counts.examined is counts.impressions:
        message = (
            "events.examined cannot be added in place where counts.examined is counts.impressions; "
            "copy one of them first"
        )
        raise CountsError(message)
    cell = events.segment * n_items + events.item if n_segments > 1 else events.item  # (n_events,)

    def added(
        before: NDArray[np.float64], weights: NDArray[np.float64] | float | None
    ) -> NDArray[np.float64]:
        if weights is None:
            return before
        after = before.reshape(-1) if in_place else before.flatten()  # (n_segments * n_items,)
        np.add.at(after, cell, weights)  # a third less time than bincount with NumPy 2.4
        return after.reshape(shape)

    impressions = added(counts.impressions, 1.0)
    if events.examined is not None:
        examined = added(counts.examined, events.examined)
    else:
        examined = (
            impressions if counts.examined is counts.impressions else added(counts.examined, 1.0)
        )
    return counts._replace(
        impressions=impressions,
        clicks=added(counts.clicks, events.click),
        conversions=added(counts.conversions, events.conversion),
        value=added(counts.value, events.value),
        examined=examined,
    )
