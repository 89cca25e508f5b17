"""Batches: every text once in an epoch, pairs in the order of time, and all of it from seed and
step alone.
"""

from __future__ import annotations

import numpy as np
import pytest

from encoder.corpus.batches import RECENT, Behaviour, Epochs
from encoder.corpus.corpus import Events

LENGTHS = np.random.default_rng(0).integers(3, 90, 1000)


def events(users, items, times):
    users, items = np.array(users, np.int64), np.array(items, np.int64)
    return Events(users, items, np.zeros(len(users), np.int64), np.array(times, np.float64))


def test_an_epoch_has_each_row_once_but_for_the_last_that_fill_no_batch():
    epochs = Epochs(LENGTHS, 32, seed=1)
    seen = np.concatenate([epochs.rows(update) for update in range(epochs.per_epoch)])
    assert len(seen) == len(set(seen.tolist())) == 1000 // 32 * 32


def test_epochs_differ():
    epochs = Epochs(LENGTHS, 32, seed=1)
    assert (epochs.rows(0) != epochs.rows(epochs.per_epoch)).any()


def test_rows_depend_on_seed_and_step_alone():
    forward, backward = Epochs(LENGTHS, 32, seed=1), Epochs(LENGTHS, 32, seed=1)
    steps = [0, 40, 3, 90]
    there = {step: forward.rows(step).tolist() for step in steps}
    assert {step: backward.rows(step).tolist() for step in reversed(steps)} == there


def test_texts_of_a_batch_have_like_length():
    epochs = Epochs(LENGTHS, 32, seed=1)
    spread = [np.ptp(LENGTHS[epochs.rows(update)]) for update in range(epochs.per_epoch)]
    assert np.mean(spread) < np.ptp(LENGTHS) / 8


def test_fewer_texts_than_a_batch_are_one_batch():
    assert sorted(Epochs(LENGTHS[:5], 32, seed=1).rows(7).tolist()) == [0, 1, 2, 3, 4]


def test_pairs_are_of_one_user_in_the_order_of_time():
    """User 0 chose 1, 2, 3 and user 1 chose 4, 5: the only pairs are these."""
    behaviour = Behaviour(
        events([1, 0, 0, 1, 0], [4, 1, 2, 5, 3], [1, 2, 3, 4, 5]), n_items=6, seed=0
    )
    pairs = {
        pair
        for update in range(50)
        for pair in zip(*(c.tolist() for c in behaviour.pairs(update, 8)[:2]), strict=True)
    }
    assert pairs == {(1, 2), (1, 3), (2, 3), (4, 5)}


def test_what_was_long_ago_is_no_pair():
    n = RECENT + 5
    behaviour = Behaviour(events([0] * n, range(n), range(n)), n_items=n, seed=0)
    chosen = behaviour.pairs(0, 500)
    assert (chosen.after - chosen.before).max() == RECENT


def test_log_q_is_the_share_of_the_events():
    behaviour = Behaviour(events([0, 0, 1, 1], [0, 1, 0, 1], [1, 2, 3, 4]), n_items=2, seed=0)
    assert behaviour.pairs(0, 4).log_q == pytest.approx(np.log(0.5))


def test_nobody_who_chose_twice_gives_no_pairs():
    behaviour = Behaviour(events([0, 1], [0, 1], [1, 2]), n_items=2, seed=0)
    assert len(behaviour) == 0
    assert len(behaviour.pairs(0, 8).before) == 0
    assert len(Behaviour(events([], [], []), n_items=2, seed=0).pairs(0, 8).before) == 0
