"""Views of segments: new ones, new items, memories and delays."""

import numpy as np
import pytest

from bandits.arms import posterior
from bandits.counts import Counts, zeros
from bandits.learning.priors import PriorConfig, arm_view, learn, priors, strengths

SHAPE = (4, 10)


def counts_of(seed, looks=400, n_recent=0):
    rng = np.random.default_rng(seed)
    impressions = rng.integers(1, looks, SHAPE).astype(float)
    clicks = rng.binomial(impressions.astype(int), rng.beta(4, 36, SHAPE[1])).astype(float)
    zero = np.zeros(SHAPE)
    whole = Counts(
        impressions,
        clicks,
        np.floor(clicks / 3),
        clicks * 2,
        impressions * 0.8 + clicks * 0.2,
        zero,
    )
    recent = tuple(
        Counts(
            *(
                getattr(whole, name) * 0.5**i
                for name in ("impressions", "clicks", "conversions", "value", "examined", "pending")
            )
        )
        for i in range(n_recent, 0, -1)
    )
    return whole._replace(recent=recent)


def test_a_row_is_the_same_for_one_segment_and_for_all():
    counts = counts_of(1)
    every = priors(counts)
    for segment in range(4):
        view = arm_view(counts, segment)
        assert view.prior_mean == pytest.approx(every.mean[segment])
        assert view.prior_strength == pytest.approx(every.strength[segment])
        assert view.impressions == pytest.approx(counts.examined[segment])
        assert view.clicks == pytest.approx(counts.clicks[segment])


def test_a_segment_nobody_has_seen_gets_the_pooled_prior_and_no_counts():
    counts = counts_of(2, looks=100_000)
    view = arm_view(counts, None)
    assert view.impressions.sum() == view.clicks.sum() == view.total == 0
    assert view.prior_mean == pytest.approx(
        counts.clicks.sum(axis=0) / counts.examined.sum(axis=0), rel=0.1
    )


def test_an_item_nobody_has_seen_gets_the_mean_of_items():
    counts = counts_of(3, looks=100_000)
    for field in counts[:6]:
        field[:, 4] = 0
    others = np.delete(counts.clicks, 4, axis=1).sum(axis=0) / np.delete(
        counts.examined, 4, axis=1
    ).sum(axis=0)
    assert arm_view(counts, 0).prior_mean[4] == pytest.approx(others.mean(), rel=0.25)


def test_before_any_event_everything_is_the_base_rate():
    view = arm_view(zeros(*SHAPE), 0, PriorConfig(base_rate=0.02))
    assert view.prior_mean == pytest.approx(np.full(10, 0.02), rel=1e-6)
    assert np.isfinite(view.prior_strength).all()


def test_beliefs_worked_out_once_give_the_same_views():
    counts = counts_of(4, n_recent=2)
    config = PriorConfig()
    beliefs = learn(counts, config, shared=strengths(counts, config))
    for segment in (0, 3, None):
        a, b = arm_view(counts, segment, config), arm_view(counts, segment, config, beliefs=beliefs)
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True) if x is not None)


def test_set_strengths_are_used_as_they_are():
    counts = counts_of(5)
    found = strengths(counts, PriorConfig(segment_clicks=7.0, item_clicks=2.0))
    assert found.segment_clicks == 7.0
    assert found.anchor.clicks == pytest.approx(np.full(10, 2.0))


def test_pending_examinations_are_no_evidence_but_in_flight():
    counts = counts_of(6)
    waiting = counts._replace(pending=counts.examined * 0.25)
    view = arm_view(waiting, 1)
    assert view.impressions == pytest.approx(counts.examined[1] * 0.75)
    assert view.in_flight == pytest.approx(counts.examined[1] * 0.25)


def test_steady_memories_change_next_to_nothing():
    """Memories that hold halves and quarters of the same rates: the posterior is the
    whole log's.
    """
    counts = counts_of(7, n_recent=2)
    with_memory, without = (
        posterior(arm_view(counts, 2)),
        posterior(arm_view(counts._replace(recent=()), 2)),
    )
    mean = [a / (a + b) for a, b in (with_memory, without)]
    assert mean[0] == pytest.approx(mean[1], rel=0.02)
    assert (with_memory[0] + with_memory[1]) == pytest.approx(without[0] + without[1], rel=0.15)


def test_after_a_change_the_recent_rate_counts():
    """Items from 3% to 30%; item 0 clicked at 3% for 4,000 looks a segment and at 40% for the last
    400.
    """
    rng = np.random.default_rng(8)
    n, recent_n = np.full(SHAPE, 4400.0), np.full(SHAPE, 400.0)
    theta = np.broadcast_to(np.linspace(0.03, 0.3, 10), SHAPE)
    s_new = rng.binomial(400, np.where(np.arange(10) == 0, 0.4, theta)).astype(float)
    s = rng.binomial(4000, theta) + s_new
    zero = np.zeros(SHAPE)
    recent = Counts(recent_n, s_new, zero, zero, recent_n, zero)
    view = arm_view(Counts(n, s, zero, zero, n, zero, (recent,)), 0)
    alpha, beta = posterior(view)
    assert (alpha / (alpha + beta))[0] == pytest.approx(0.4, abs=0.06)
    assert (alpha / (alpha + beta))[1:] == pytest.approx(theta[0, 1:], abs=0.03)
    assert (view.impressions >= 0).all()
    assert (view.clicks >= 0).all()


def test_conversions_can_be_what_counts_as_success():
    counts = counts_of(9)
    view = arm_view(counts, 0, target="conversions")
    assert view.clicks == pytest.approx(counts.conversions[0])
    assert view.prior_mean.mean() < arm_view(counts, 0).prior_mean.mean()


def test_nothing_given_is_changed():
    counts = counts_of(10, n_recent=1)
    before = [np.copy(field) for field in counts[:6]]
    arm_view(counts, 0, vectors=np.random.default_rng(0).normal(size=(10, 3)))
    assert all(np.array_equal(a, b) for a, b in zip(before, counts[:6], strict=True))
