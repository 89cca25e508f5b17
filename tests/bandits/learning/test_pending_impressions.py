"""PendingImpressions: fresh looks wait, old ones are evidence."""

import numpy as np

from bandits.learning.pending_impressions import CLICKS_KEPT, MAX_ENTRIES, PendingImpressions

WINDOW_S = 3600.0
SHAPE = (1, 2)


def look(
    pending: PendingImpressions, segment: int, item: int, examinations: float, at_s: float
) -> None:
    pending.looked(np.array([segment]), np.array([item]), np.array([examinations]), at_s)


def test_fresh_looks_are_pending_and_settle_with_age():
    pending = PendingImpressions(WINDOW_S)
    look(pending, 0, 1, 8.0, 100.0)
    young, older, old = (pending.examinations(SHAPE, at_s)[0] for at_s in (100.5, 110.0, 400.0))
    assert young[0] == older[0] == 0.0
    assert 7.0 < young[1] <= 8.0
    assert old[1] < 0.1 < older[1] < young[1]


def test_looks_settle_as_fast_as_clicks_come():
    """With 2,000 clicks after half a second, a look of three seconds has hardly a click to come."""
    quick, unknown = PendingImpressions(WINDOW_S), PendingImpressions(WINDOW_S)
    quick.clicked([(0.5, 0.0)] * 2000)
    for pending in (quick, unknown):
        look(pending, 0, 0, 10.0, 100.0)
    assert quick.examinations(SHAPE, 103.0)[0, 0] < 0.1 < unknown.examinations(SHAPE, 103.0)[0, 0]


def test_looks_of_a_bucket_have_their_own_age():
    """Clicks after 0.3 s, looks of three items 0, 0.2 and 0.6 s ago, within one second: of the last
    no click is to come. Once another second has begun they are of one age, 0.77 s on the average.
    """
    pending = PendingImpressions(WINDOW_S)
    pending.clicked([(0.3, 0.0)] * 4000)
    for item, at_s in ((2, 100.0), (1, 100.4), (0, 100.6)):
        look(pending, 0, item, 10.0, at_s)
    new, fresh, old = pending.examinations((1, 3), 100.6)[0]
    assert new == 10
    assert fresh > 9.9
    assert old < 0.1
    look(pending, 0, 3, 10.0, 101.1)
    assert (pending.examinations((1, 4), 101.1)[0, :3] < 0.1).all()


def test_a_busy_site_learns_delays_that_are_longer_than_its_last_clicks_took_to_come():
    """1,000 clicks a second for two minutes, half of them after 20 s: at 5 s half of the clicks
    have come, at 30 s all.
    """
    rng = np.random.default_rng(3)
    pending = PendingImpressions(WINDOW_S)
    seen_s = rng.uniform(0, 120, 120_000)
    delays_s = np.where(rng.random(seen_s.size) < 0.5, 0.2, 20.0)
    come = seen_s + delays_s <= 120
    order = np.argsort((seen_s + delays_s)[come])
    pending.clicked(np.column_stack([delays_s, seen_s])[come][order].tolist())
    look(pending, 0, 0, 100.0, 85.0)
    look(pending, 0, 1, 100.0, 114.0)
    old, young = pending.examinations(SHAPE, 120.0)[0]
    assert old < 2
    assert 45 < young < 55


def test_a_service_that_starts_believes_quick_clicks():
    """Three seconds old, 500 clicks at once: no tail of minutes is assumed."""
    pending = PendingImpressions(WINDOW_S)
    pending.clicked([(0.01, seen_s) for seen_s in np.linspace(0, 3, 500)])
    look(pending, 0, 0, 100.0, 1.0)
    assert pending.examinations(SHAPE, 3.0)[0, 0] < 1


def test_looks_of_an_hour_ago_wait_where_clicks_come_late():
    """2,000 cells a second for an hour, of 40,000: buckets grow with their age, so that all are
    kept; clicks come after half an hour, and half of what was seen is no evidence yet.
    """
    pending, n_items = PendingImpressions(WINDOW_S), 40_000
    pending.clicked([(1800.0, 0.0)] * 3000)
    rng = np.random.default_rng(0)
    for second in range(0, 3600, 10):
        items = rng.integers(n_items, size=2000)
        pending.looked(np.zeros_like(items), items, np.full(items.size, 10.0), float(second))
    assert len(pending._buckets) < 80
    assert pending._entries < MAX_ENTRIES
    total = pending.examinations((1, n_items), 3600.0).sum()
    assert 0.45 < total / (360 * 2000 * 10) < 0.6


def test_memory_is_bounded():
    pending = PendingImpressions(WINDOW_S)
    for second in range(3):
        items = np.arange(MAX_ENTRIES // 2)
        # the second time, the same cells: they are added up when the bucket closes
        for _ in range(2):
            pending.looked(np.zeros_like(items), items, np.ones(items.size), float(second))
    pending.clicked([(1.0, 0.0)] * (2 * CLICKS_KEPT))
    assert pending._entries <= MAX_ENTRIES
    assert 0.9 * CLICKS_KEPT < len(pending._clicks) <= CLICKS_KEPT
