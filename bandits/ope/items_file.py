"""What policies know of the items of a log: JSON lines of the contract's Item (category, vector,
available).

Linear policies, diversity and caps per category need this; without it a log knows its items by name
only. Items that the log does not hold are ignored: nothing can be said about what the logging
policy never showed. Items that the file does not hold have no category and no vector.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bandits.learning.projection import bring_down
from bandits.ope.log import LoadedLog, Log, LogError
from bandits.ope.read_lines import read_events
from bandits.ope.served import logged_catalogue
from bandits.slates.request import Catalogue


def read_items(path: Path, loaded: LoadedLog, train: Log) -> Catalogue:
    """Make the catalogue of a log; vectors are brought to length 1 and to as many numbers as where
    they are served, the last line of an item counts.

    Parameters
    ----------
    path
        JSON lines of items.
    loaded
        The log, whose items give the order.
    train
        The part that policies learn from: items are first seen when first logged there.

    Raises
    ------
    LogError
        A line is not a valid item, or vectors differ in length.
    """
    index = {name: number for number, name in enumerate(loaded.items)}
    catalogue = logged_catalogue(train, loaded.shape)
    groups: dict[str, int] = {}
    vectors: dict[int, np.ndarray] = {}
    for where, event in read_events(path):
        number = index.get(_name(event, where))
        if number is None:
            continue
        available = event.get("available", True)
        if not isinstance(available, bool):
            msg = f"expected true or false in available at {where}, found {available!r}"
            raise LogError(msg)
        catalogue.available[number] = available
        category = event.get("category")
        if category is not None:
            catalogue.group[number] = groups.setdefault(str(category), len(groups))
        if event.get("vector") is not None:
            vectors[number] = _vector(event["vector"], where)
    if not vectors:
        return catalogue
    sizes = {vector.size for vector in vectors.values()}
    if len(sizes) > 1:
        msg = (
            f"expected vectors of one length in {path}, found lengths "
            f"{', '.join(map(str, sorted(sizes)))}"
        )
        raise LogError(msg)
    rows = bring_down(np.stack(list(vectors.values())))  # (n_given, d)
    # (n_items, d) a zero row where there is none
    matrix = np.zeros((len(loaded.items), rows.shape[1]), dtype=np.float32)
    matrix[list(vectors)] = rows
    return catalogue._replace(vectors=matrix)


def unlogged_items(path: Path, loaded: LoadedLog) -> list[str]:
    """Return the items of the file that can be shown and that the log does not hold.

    Raises
    ------
    LogError
        A line is not a valid item.
    """
    known = set(loaded.items)
    found = {
        _name(event, where): event.get("available", True) is not False
        for where, event in read_events(path)
    }
    return [name for name, available in found.items() if available and name not in known]


def _name(event: Mapping[str, Any], where: str) -> str:
    name = event.get("item_id")
    if not isinstance(name, str):
        msg = f"expected text in item_id at {where}, found {name!r}"
        raise LogError(msg)
    return name


def _vector(found: Any, where: str) -> np.ndarray:
    try:
        vector = np.array(found, dtype=np.float64)
    except (TypeError, ValueError):
        vector = np.zeros(0)
    length = float(np.linalg.norm(vector))
    if vector.ndim != 1 or not vector.size or not np.isfinite(length) or length == 0:
        msg = f"expected numbers that are not all 0 in vector at {where}, found {str(found)[:60]}"
        raise LogError(msg)
    return vector
