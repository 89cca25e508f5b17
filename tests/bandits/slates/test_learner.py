"""The learner on both sides of the number of cells at which running sums take over."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.learning import evidence as evidence_module
from bandits.learning.recent_counts import CLICKS, COLUMNS, EXAMINED, IMPRESSIONS
from bandits.slates.config_file import parse_config
from bandits.slates.learner import Learner
from bandits.slates.refresh import Learned, LearnedSums, evidence_of, segment_snapshot
from bandits.slates.request import Catalogue, Request
from bandits.slates.serve import compose

SHAPE = 6, 30
NO_ITEMS = np.zeros(0, dtype=np.int64)
START_S = 1e9


def catalogue(n_items: int) -> Catalogue:
    return Catalogue(
        np.ones(n_items, dtype=np.bool_),
        np.full(n_items, np.nan),
        np.full(n_items, -1, dtype=np.int32),
        None,
    )


def bring(learner: Learner, rng: np.random.Generator, n: int, now_s: float) -> None:
    segments, items = rng.integers(SHAPE[0], size=n), rng.integers(SHAPE[1], size=n)
    increments = np.zeros((n, len(COLUMNS)))
    increments[:, IMPRESSIONS] = increments[:, EXAMINED] = 1.0
    increments[:, CLICKS] = rng.random(n) < 0.01 + 0.01 * items
    learner.evidence.reserve(SHAPE)
    learner.add(segments, items, increments)
    learner.evidence.add(segments, items, increments, now_s)


@pytest.mark.parametrize("most", [10**6, 100])
def test_the_best_items_are_shown_whatever_the_number_of_cells(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(evidence_module, "MOST_CELLS", most)
    config = parse_config("[exploration]\nfloor = 0.0\n")
    learner, rng, now_s = Learner(evidence_of(config, 60.0)), np.random.default_rng(0), START_S
    for _ in range(10):
        bring(learner, rng, 6000, now_s)
        now_s += 30.0
        learner.look(SHAPE, now_s)
        known = learner.learn(config, catalogue(SHAPE[1]))
    assert isinstance(known, LearnedSums) == (most == 100)
    assert learner.changed == set(range(SHAPE[0]))
    for segment in (None, 3):
        snapshot = segment_snapshot(config, known, segment, now_s, rng, (5,))
        slates = compose(snapshot, [Request(5, None, NO_ITEMS)] * 50, rng)
        assert np.mean([slate.items.mean() for slate in slates]) > 22


def test_what_was_known_of_each_pair_is_known_of_items_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evidence_module, "MOST_CELLS", 200)
    config = parse_config("")
    learner, rng = Learner(evidence_of(config, 3600.0)), np.random.default_rng(0)
    bring(learner, rng, 1000, START_S)
    learner.look(SHAPE, START_S + 0.5)
    before = learner.learn(config, catalogue(30)).of(0).counts
    learner.look((SHAPE[0], 40), START_S + 0.6)
    after = learner.learn(config, catalogue(40))
    assert isinstance(after, LearnedSums)
    evidence = after.beliefs.evidence
    assert evidence.pending[:30] == pytest.approx(before.pending.sum(axis=0), rel=0.05)
    assert len(evidence.recent) == len(before.recent)
    for memory, old in zip(evidence.recent, before.recent, strict=True):
        assert memory[CLICKS, :30] == pytest.approx(old.clicks.sum(axis=0))


def test_where_segments_are_made_of_fields_all_cells_are_learned_from_for_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evidence_module, "MOST_CELLS", 100)
    config = parse_config("")
    learner = Learner(evidence_of(config, 3600.0), fields=True)
    bring(learner, np.random.default_rng(0), 1000, START_S)
    learner.look(SHAPE, START_S + 1.0)
    codes = np.array([[s // 3, s % 3] for s in range(6)])
    known = learner.learn(config, catalogue(30), codes)
    assert isinstance(known, Learned)
    pending, looks = known.counts.pending, known.counts.examined
    share = pending / np.maximum(looks, 1.0)
    assert share.max() > 0
    np.testing.assert_allclose(share[looks > 0], (share.max(axis=0) * (looks > 0))[looks > 0])
