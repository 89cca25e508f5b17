"""The policy file under test: the table of what `bandits.slates.serve` would show, which is what
the worker shows.

    counts of the training part -> prepare -> probability of every item at every place

the mean over several snapshots, since a worker makes a new one whenever counts have changed and
each knows its own draws only. With an exploration floor these are the mixture's, in closed form.
"""

import numpy as np

from bandits.learning.places import examined, learn_places
from bandits.ope.fit import counts_of, placed_of
from bandits.ope.log import Log, LogError, Shape
from bandits.ope.support import check_room
from bandits.ope.target import Target
from bandits.slates.config import SlateConfig
from bandits.slates.request import Catalogue
from bandits.slates.serve import prepare
from bandits.slates.slates_with_floor import table_of

# of `draws` slates each (512): a share of 5% is then known to 10% of itself (one sd); more is
# slower
N_SNAPSHOTS = 8


def served(
    name: str,
    config: SlateConfig,
    train: Log,
    shape: Shape,
    rng: np.random.Generator,
    catalogue: Catalogue | None = None,
    n_snapshots: int = N_SNAPSHOTS,
) -> Target:
    """Make the target that serves by `config`, frozen at what the training part taught.

    Parameters
    ----------
    name
        Said in the report.
    config
        The policy file.
    train
        What it learns from: the first part of the log.
    shape
        Segments, positions and items of the table.
    rng
        Draws of the slates.
    catalogue
        Categories, vectors and ages of the items; None: all available, first seen when first
        logged.
    n_snapshots
        Snapshots per segment; more is finer and slower.

    Raises
    ------
    LogError
        The policy leaves places empty: fewer items are eligible than the log's slates are long.
    """
    check_room(shape.n_positions, shape.n_items)
    looks = None if config.examination is None else np.array(config.examination)
    counts = counts_of(train, shape, looks, config.half_life_s)
    if config.examination is None:
        placed = placed_of(train, shape.n_items)
        weights = learn_places(placed.shown, placed.clicks).weights
        counts = examined(counts, placed, weights)
    items = logged_catalogue(train, shape) if catalogue is None else catalogue
    now_s = float(train.time_s.max())
    table = np.zeros(shape)
    for segment in range(shape.n_segments):
        for _ in range(n_snapshots):
            snapshot = prepare(config, counts, segment, items, now_s, rng)
            shown = table_of(snapshot, shape.n_positions)  # (n_positions, n_items)
            if len(shown) < shape.n_positions:
                msg = (
                    f"expected slates of {shape.n_positions} items from policy {name!r}, found "
                    "empty places; allow more items"
                )
                raise LogError(msg)
            table[segment] += shown / n_snapshots
    return Target(name, table, "joint")


def logged_catalogue(train: Log, shape: Shape) -> Catalogue:
    """Make the catalogue that a log implies: every item available, first seen at its first row, no
    category, no vector.
    """
    first_s = np.full(shape.n_items, np.inf)  # (n_items,)
    np.minimum.at(first_s, train.item, train.time_s)
    return Catalogue(
        available=np.ones(shape.n_items, dtype=np.bool_),
        first_seen_s=np.where(np.isfinite(first_s), first_s, np.nan),
        group=np.full(shape.n_items, -1, dtype=np.int32),
        vectors=None,
    )
