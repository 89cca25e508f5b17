"""Running sums against the pool of all cells: equal after a sweep, close in between."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.counts import Counts
from bandits.learning import running_pool
from bandits.learning.pooling import Anchor, pool, prior_of
from bandits.learning.priors import PriorConfig, arm_view, learn
from bandits.learning.recent_counts import CLICKS, COLUMNS, CONVERSIONS, EXAMINED, IMPRESSIONS
from bandits.learning.running_beliefs import ItemEvidence, believe, of_segment
from bandits.learning.running_pool import RunningPool, begin, step
from bandits.sparse_counts import SparseCounts, added, nothing

CONFIG = PriorConfig()
SHAPE = 12, 40


def events(rng: np.random.Generator, n: int, shape: tuple[int, int] = SHAPE) -> tuple:
    """Looks and clicks of a world where segments and items differ."""
    rates = np.random.default_rng(1).beta(1, 12, (1, 60)) * np.linspace(0.5, 1.5, 20)[:, None]
    segments, items = rng.integers(shape[0], size=n), rng.integers(shape[1], size=n) ** 2 % shape[1]
    increments = np.zeros((n, len(COLUMNS)))
    increments[:, IMPRESSIONS] = increments[:, EXAMINED] = 1.0
    increments[:, CLICKS] = rng.random(n) < np.minimum(rates, 1)[segments, items]
    increments[:, CONVERSIONS] = increments[:, CLICKS] * (rng.random(n) < 0.3)
    return segments, items, increments


def stepped(
    n_steps: int, per_step: int = 400, shape: tuple[int, int] = SHAPE
) -> tuple[SparseCounts, RunningPool]:
    rng = np.random.default_rng(0)
    counts, _ = added(nothing(len(COLUMNS)), *events(rng, 5000), SHAPE)
    running = begin(counts, CONFIG)
    for _ in range(n_steps):
        after, changed = added(counts, *events(rng, per_step, shape), shape)
        running = step(running, counts, after, changed, CONFIG)
        counts = after
    return counts, running


def whole(counts: SparseCounts) -> Counts:
    n, c, v, w, x = counts.dense()
    return Counts(n, c, v, w, x, np.zeros_like(n))


def test_sums_are_those_of_all_cells_whatever_was_taken_out_and_put_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also in the midst of a sweep, of two segments a step, with items and segments that came
    since.
    """
    monkeypatch.setattr(running_pool, "CELLS_A_STEP", 150)
    counts, running = stepped(17, shape=(14, 44))
    looks, hits = counts.dense()[[EXAMINED, CLICKS]]
    between = np.stack([running.between_of(s) for s in range(14)])
    exposure = np.maximum(looks * running.factor[:, None], hits)
    share = between / (exposure + between)
    expected = [looks, hits, exposure, exposure * share, hits * share]
    for found, cells in zip(running.sums.sum(axis=0), expected, strict=True):
        np.testing.assert_allclose(found, cells.sum(axis=0), atol=1e-9)


def test_priors_are_close_to_those_learned_from_all_cells_at_once() -> None:
    counts, running = stepped(10)
    beliefs = believe(counts, running, ItemEvidence(np.zeros(SHAPE[1])))
    dense = learn(whole(counts), CONFIG)
    for segment in (None, 0, 7):
        own, part = of_segment(beliefs, segment)
        found = prior_of(part.pools[0], None if segment is None else 0)
        expected = prior_of(dense.pools[0], segment)
        np.testing.assert_allclose(found.mean, expected.mean, rtol=0.05)
        np.testing.assert_allclose(found.strength, expected.strength, rtol=0.25)
        at = None if segment is None else 0
        arms = arm_view(own, at, CONFIG, beliefs=part)
        full = arm_view(whole(counts), segment, CONFIG, beliefs=dense)
        np.testing.assert_allclose(arms.clicks, full.clicks)
        np.testing.assert_allclose(arms.conversions, full.conversions)
        np.testing.assert_allclose(arms.pooled_impressions, full.pooled_impressions)
    assert beliefs.totals.clicks.sum() == pytest.approx(counts.items[CLICKS].sum())


def test_with_the_parameters_of_the_pool_nothing_but_rounding_is_lost() -> None:
    """One sweep under g = 5%, c_item = 2 and c_seg = 8: as `pool` of the same."""
    counts, running = stepped(0)
    looks, hits = counts.dense()[[EXAMINED, CLICKS]]
    anchor, factor = running.anchor, running.factor[:, None]
    exposure = np.maximum(looks * factor, hits)
    part = of_segment(believe(counts, running, ItemEvidence(np.zeros(SHAPE[1]))), 3)[1].pools[0]
    share = running.between[0] / (exposure + running.between[0])
    np.testing.assert_allclose(part.weight_sum, (exposure * share).sum(axis=0))
    np.testing.assert_allclose(part.weighted_sum, (hits * share).sum(axis=0))
    alike = pool(looks, hits, Anchor(anchor.mean, anchor.clicks), running.segment_clicks)
    np.testing.assert_allclose(running.factor, alike.factor[:, 0], rtol=0.1)


def test_a_part_of_the_looks_weighs_as_if_segments_were_alike() -> None:
    """Four segments with 30 looks each, of which a third is recent: weights of 10 looks each."""
    n = np.full((4, 1), 30.0)
    segments, items = np.arange(4), np.zeros(4, dtype=np.int64)
    increments = np.zeros((4, len(COLUMNS)))
    increments[:, EXAMINED] = increments[:, IMPRESSIONS] = 30.0
    increments[:, CLICKS] = 3.0
    counts, _ = added(nothing(len(COLUMNS)), segments, items, increments, (4, 1))
    running = begin(counts, PriorConfig(segment_clicks=8.0, item_clicks=2.0))
    recent = counts.items / 3
    beliefs = believe(counts, running, ItemEvidence(np.zeros(1), (recent,)))
    k, f = running.between[0], running.factor[0]
    e = f * n[0] / 3
    assert beliefs.sums[0].weight == pytest.approx(4 * e * k / (e + k))
    assert beliefs.sums[0].weighted == pytest.approx(4 * 1.0 * k / (e + k))
    assert beliefs.sums[1].weight == pytest.approx(4 * 3 * e * k / (3 * e + k))


def test_looks_that_are_no_evidence_yet_are_taken_out_of_each_segment_alike() -> None:
    counts, running = stepped(0)
    pending = counts.items[EXAMINED] / 2
    beliefs = believe(counts, running, ItemEvidence(pending))
    own, part = of_segment(beliefs, 2)
    np.testing.assert_allclose(own.pending[0], counts.row(2)[EXAMINED] / 2)
    arms = arm_view(own, 0, CONFIG, beliefs=part)
    np.testing.assert_allclose(arms.impressions, counts.row(2)[EXAMINED] / 2)
    np.testing.assert_allclose(arms.in_flight, counts.row(2)[EXAMINED] / 2)


def test_a_change_of_an_item_turns_its_odds_and_no_other() -> None:
    """Items click at 3% to 29%, of late the best at 2%."""
    n_items = 20
    segments, items = np.repeat(np.arange(5), n_items), np.tile(np.arange(n_items), 5)
    increments = np.zeros((segments.size, len(COLUMNS)))
    increments[:, EXAMINED] = increments[:, IMPRESSIONS] = 300.0
    rates = np.linspace(0.29, 0.03, n_items)
    increments[:, CLICKS] = 300 * rates[items]
    counts, _ = added(nothing(len(COLUMNS)), segments, items, increments, (5, n_items))
    recent = np.zeros((len(COLUMNS), n_items))
    recent[[IMPRESSIONS, EXAMINED]] = 250.0
    recent[CLICKS] = np.where(np.arange(n_items) == 0, 5.0, 250 * rates)
    running = begin(counts, CONFIG)
    beliefs = believe(counts, running, ItemEvidence(np.zeros(n_items), (recent,)))
    assert beliefs.odds is not None
    assert beliefs.odds[0, 0] > 0.5 > 0.05 > beliefs.odds[0, 1:].max()
    own, part = of_segment(beliefs, 0)
    arms = arm_view(own, 0, CONFIG, beliefs=part)
    still = arm_view(own._replace(recent=()), 0, CONFIG, beliefs=part._replace(odds=None))
    rate = arms.clicks[0] / arms.impressions[0]
    assert rate < 0.5 * still.clicks[0] / still.impressions[0]
