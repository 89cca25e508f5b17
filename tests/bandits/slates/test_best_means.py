"""The posterior-mean slate that exploration is measured against, by hand and by sorting."""

import numpy as np
import pytest

import bandits.slates.best_means
from bandits.slates.best_means import best_means
from bandits.slates.request import Pin, Request
from bandits.slates.serve import compose
from tests.bandits.slate_world import make_snapshot, without_floor

NONE = np.zeros(0, dtype=np.int64)


def sorted_means(snapshot, allowed, k):
    return np.sort(snapshot.view.mean[allowed])[::-1][:k]


@pytest.mark.parametrize("kept", [4, 256])
def test_best_means_are_those_of_the_items_that_may_be_shown(kept, monkeypatch):
    monkeypatch.setattr(bandits.slates.best_means, "KEPT", kept)
    snapshot = make_snapshot("")
    shown = snapshot.available
    for exclude in (NONE, shown[:2], shown[-3:]):
        allowed = np.setdiff1d(shown, exclude)
        for k in (0, 1, 3, shown.size, shown.size + 5):
            found = best_means(snapshot, Request(k, None, exclude))
            assert found.tolist() == sorted_means(snapshot, allowed, k).tolist()
            among = shown[1:6]
            found = best_means(snapshot, Request(k, among, exclude))
            want = sorted_means(snapshot, np.setdiff1d(among, exclude), k)
            assert found.tolist() == want.tolist()


def test_a_greedy_slate_gives_nothing_up_and_others_do():
    rng = np.random.default_rng(1)
    request = Request(5, None, NONE)
    (greedy,) = compose(make_snapshot(without_floor("[policies.greedy]")), [request], rng)
    assert [each["best"] for each in greedy.why] == [each["mean"] for each in greedy.why]
    others = compose(make_snapshot(without_floor("[policies.random]")), [request] * 50, rng)
    given_up = [sum(each["best"] - each["mean"] for each in slate.why) for slate in others]
    assert min(given_up) >= 0.0
    assert max(given_up) > 0.0


def test_a_pinned_place_is_nobodys_exploration():
    snapshot = make_snapshot(without_floor("[policies.greedy]"))
    pin = Pin(int(snapshot.available[-1]), 1)
    request = Request(4, None, NONE, pins=(pin,))
    (slate,) = compose(snapshot, [request], np.random.default_rng(1))
    assert "best" not in slate.why[1]
    rest = [slate.why[at] for at in (0, 2, 3)]
    assert [each["best"] for each in rest] == [each["mean"] for each in rest]
