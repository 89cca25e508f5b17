"""Team-draft interleaving: the signals pick in turn, each its best item still free, so that clicks
tell who is better.

    next to pick = the signal with the fewest picks per weight, a fair coin among equals
    it picks its highest-scored free item                        score = 1 / (1 + place of the pick)

With two signals of equal weight this is Radlinski, Kurup & Joachims (2008), How does clickthrough
data reflect retrieval quality?; weights other than equal are this library's generalisation. The
item carries `team_NAME` = 1, so clicks per team compare the policies online, on the same users at
the same places. Not promised: an item that both wanted is credited to the one that picked first,
which blunts the comparison where the two agree. Wrong tool when the better signal is known: half of
the slate is the other's.
"""

from __future__ import annotations

import numpy as np

from bandits.slates.signals import Combined, Signals
from bandits.slates.top_k import first_of_equals


def team_draft(signals: Signals, depth: int, rng: np.random.Generator) -> Combined:
    """Draft the first `depth` places; items not drafted score 0."""
    n_draws, n_items = max(signals.n_draws, 1), signals.values[0].shape[1]
    n_teams = len(signals.names)
    rows = np.arange(n_draws)
    # (teams, draws, items)
    stacked = np.stack([np.broadcast_to(value, (n_draws, n_items)) for value in signals.values])
    keys = rng.random((n_draws, n_items))  # order of equals within a team's list
    picks = np.zeros((n_draws, n_teams))
    free = np.ones((n_draws, n_items), dtype=np.bool_)
    score = np.zeros((n_draws, n_items))
    team = np.full((n_draws, n_items), -1)
    weights = np.asarray(signals.weights)
    for place in range(min(depth, n_items)):
        # subtle: the turn goes by (picks + 1) / weight, so that a team of weight 0.9 goes first,
        # not a coin with 0.1.
        turn = first_of_equals(-(picks + 1) / weights, rng.random((n_draws, n_teams)))  # (n_draws,)
        wanted = np.where(free, stacked[turn, rows], -np.inf)  # (n_draws, n_items)
        column = first_of_equals(wanted, keys)  # (n_draws,)
        score[rows, column] = 1.0 / (1 + place)
        team[rows, column] = turn
        free[rows, column] = False
        picks[rows, turn] += 1
    return Combined(
        score,
        {
            f"team_{name}": np.asarray(team == i, dtype=float)
            for i, name in enumerate(signals.names)
        },
    )
