"""Inputs for the comparison with obp: the Open Bandit files seen by policies and reward models made
of plain formulas.

Formulas and no random numbers, so that the same inputs can be made again anywhere. Only the arrays
matter here: the policies are arbitrary, and the slates (three rows in a row) are none that were
ever shown.
"""

import numpy as np

from bandits.ope.log import Log
from bandits.ope.open_bandit import installed_campaign, read_obd


def probabilities(n_positions: int, n_items: int, step: int) -> np.ndarray:
    """A policy: (n_positions, n_items), different at every position, all items possible."""
    position, item = np.indices((n_positions, n_items))
    weight = 1.0 + (item * 7 + position * 3 + step) % 11
    return weight / weight.sum(axis=1, keepdims=True)


def fixed_ranking(n_positions: int, n_items: int) -> np.ndarray:
    """A deterministic policy: item 5 at the top, 18 below it, then 31, ..."""
    table = np.zeros((n_positions, n_items))
    table[np.arange(n_positions), (5 + 13 * np.arange(n_positions)) % n_items] = 1.0
    return table


def modelled(n_positions: int, n_items: int) -> np.ndarray:
    """A reward model: (n_positions, n_items)."""
    position, item = np.indices((n_positions, n_items))
    return 0.001 * (1.0 + (item * 5 + position * 2) % 13)


def campaign(behaviour: str) -> Log:
    return read_obd(installed_campaign(behaviour, "men")).log


def as_slates(log: Log) -> Log:
    """Three rows in a row as one slate, items made different within it; the rest cut off."""
    n = log.item.size // 3 * 3
    slate, position = np.divmod(np.arange(n), 3)
    item = log.item[:n].copy()
    for place in (1, 2):  # a slate shows an item once: move on to the next free one
        above = [item[position == other] for other in range(place)]
        here = item[position == place]
        for _ in range(2):
            for taken in above:
                here = np.where(here == taken, (here + 1) % 34, here)
        item[position == place] = here
    return log._replace(
        **{name: getattr(log, name)[:n] for name in log._fields}
        | {"slate": slate, "position": position, "item": item}
    )


def inputs(behaviour: str) -> dict[str, np.ndarray]:
    """All arrays that obp and we are given."""
    log = campaign(behaviour)
    n_positions, n_items = 3, 34
    slates = as_slates(log)
    table, q = probabilities(n_positions, n_items, 2), modelled(n_positions, n_items)
    logged = probabilities(n_positions, n_items, 5)
    return {
        "action": log.item,
        "position": log.position,
        "reward": log.click,
        "pscore": log.propensity,
        "table": table,
        "ranking": fixed_ranking(n_positions, n_items),
        "q": q,
        "slate_action": slates.item,
        "slate_reward": slates.click,
        "slate_position": slates.position,
        "slate_id": slates.slate,
        "slate_pscore": logged[slates.position, slates.item],
    }
