"""Slates for users: propensities are those of the personal draws, `why` redoes the score, and what
must not be shown is not.
"""

from __future__ import annotations

import numpy as np
import pytest

from bandits.learning.user_effects import NO_EFFECTS, UserEffects
from bandits.learning.user_history import Histories
from bandits.slates import personal as module
from bandits.slates.config_file import parse_config
from bandits.slates.odds import raised
from bandits.slates.personal import personal_slate
from bandits.slates.pins import Pin
from bandits.slates.redo import terms
from bandits.slates.request import Request, User
from bandits.slates.serve import compose
from tests.bandits.calibration import assert_calibrated, observe
from tests.bandits.slate_world import ask, make_catalogue, make_snapshot, without_floor

STRONG = UserEffects(np.array([2.0, -0.5, -3.0]), np.zeros(3))
FILES = {
    "default": "",
    "greedy": "[policies.greedy]",
    "softmax": "[policies.softmax]",
    "joint": "[policies.lin_thompson]",
    "rrf": 'combiner = "rrf"\n[objectives]\nclick = 1.0\nfreshness = 1.0',
    "team draft": 'combiner = "team_draft"\n[objectives]\nclick = 1.0\nvalue = 1.0',
    "pareto": 'combiner = "pareto"\n[objectives]\nclick = 1.0\nvalue = 1.0',
    "mmr": '[diversity]\nkind = "mmr"',
    "dpp": '[diversity]\nkind = "dpp"',
    "with relevance": "[objectives]\nclick = 1.0\nrelevance = 1.0",
    "limits": "[exposure]\nmax_per_category = 2\nmin_share = 0.02",
}
FLOOR = "[exploration]\nfloor = 0.1\n"


def user(effects: UserEffects = STRONG, clicked: tuple[int, ...] = (4, 9), times: int = 2) -> User:
    """Has clicked some and was shown the first ten."""
    histories = Histories()
    for at in range(times):
        histories.seen("anna", range(10), float(at))
    for item in clicked:
        histories.clicked("anna", item)
    history = histories.of("anna", float(times))
    assert history is not None
    return User(history, effects)


def personal(k: int = 5, own: User | None = None, **more: object) -> Request:
    return ask(k, **more)._replace(user=user() if own is None else own)


@pytest.mark.parametrize("name", ["default", "greedy", "softmax", "with relevance"])
@pytest.mark.parametrize(
    "more", [{}, {"exclude": np.array([3, 17])}, {"candidates": np.arange(16)}]
)
def test_propensities_are_those_of_the_personal_draws(name: str, more: dict):
    """Of those files whose draws are kept: others are drawn anew for each request."""
    snapshot = make_snapshot(FILES[name] + "\n" + FLOOR)
    assert_calibrated(*observe(snapshot, personal(4, **more), 3000, np.random.default_rng(14)))


@pytest.mark.parametrize("name", FILES)
def test_a_reader_redoes_the_score_from_why(name: str):
    text = FILES[name]
    snapshot, config = make_snapshot(text), parse_config(text)
    rng = np.random.default_rng(0)
    for result in compose(snapshot, [personal()] * 5, rng):
        for parts, score in zip(result.why, result.scores, strict=True):
            if "floor" not in parts:
                assert sum(terms(config, None, parts, score).values()) == pytest.approx(score)


def test_a_reader_takes_the_user_out_again():
    """The index without the user is the segment's own; the features say what the log-odds are."""
    snapshot = make_snapshot(without_floor())
    index = snapshot.view.clicks[1].fixed
    assert index is not None
    result = compose(snapshot, [personal()], np.random.default_rng(0))[0]
    for item, parts in zip(result.items.tolist(), result.why, strict=True):
        own = [parts.get(f"user_{each}", 0.0) for each in ("relevance", "repeats", "topic")]
        assert parts.get("user", 0.0) == pytest.approx(own @ STRONG.weights, abs=1e-3)
        back = raised(np.array(parts["ucb"]), np.exp(-parts.get("user", 0.0)))
        assert float(back) == pytest.approx(index[item])


def test_clicks_of_a_topic_raise_its_items_and_what_tires_loses():
    snapshot = make_snapshot(without_floor())
    vectors = snapshot.view.vectors
    assert vectors is not None
    strong = UserEffects(np.array([4.0, 0, 0]), np.zeros(3))
    like = np.argsort(-(vectors @ vectors[7]))[:6]
    rng, shares = np.random.default_rng(0), []
    for own in (user(NO_EFFECTS, (7,)), user(strong, (7,))):
        slates = compose(snapshot, [personal(5, own)] * 60, rng)
        shares.append(np.mean([np.isin(slate.items, like).sum() for slate in slates]))
    assert shares[1] > shares[0] + 1
    tires = UserEffects(np.array([0, -4.0, 0]), np.zeros(3))
    shown = [
        np.mean([(s.items < 10).sum() for s in compose(snapshot, [personal(5, own)] * 60, rng)])
        for own in (user(NO_EFFECTS, ()), user(tires, (), times=5))
    ]
    assert shown[1] < shown[0] - 0.5


def test_without_effects_a_user_gets_the_segments_slates_and_why_says_the_features():
    snapshot = make_snapshot()
    plain = compose(snapshot, [ask()] * 20, np.random.default_rng(3))
    own = compose(snapshot, [personal(5, user(NO_EFFECTS))] * 20, np.random.default_rng(3))
    for one, other in zip(plain, own, strict=True):
        np.testing.assert_array_equal(one.items, other.items)
        np.testing.assert_array_equal(one.propensities, other.propensities)
        assert all("user" not in parts for parts in other.why)
    assert any("user_relevance" in parts for each in own for parts in each.why)


def test_the_file_turns_it_off():
    snapshot = make_snapshot("users.learn = false")
    plain = compose(snapshot, [ask()] * 20, np.random.default_rng(3))
    own = compose(snapshot, [personal()] * 20, np.random.default_rng(3))
    for one, other in zip(plain, own, strict=True):
        np.testing.assert_array_equal(one.items, other.items)


def test_what_was_shown_as_often_as_the_cap_is_not_shown_by_chance_either():
    snapshot = make_snapshot('[repeats]\ncap = 3\n[exploration]\nfloor = 1\nfloor_of = "slates"')
    for times, barred in ((2, False), (3, True)):
        own = user(NO_EFFECTS, (4,), times)
        slates = compose(snapshot, [personal(5, own)] * 150, np.random.default_rng(0))
        shown = set(np.concatenate([slate.items for slate in slates]).tolist())
        assert bool(shown & ({*range(10)} - {4})) is not barred
        assert 4 in shown  # clicked: it begins anew


def test_the_cap_leaves_a_whole_slate_and_pins_are_what_they_are():
    snapshot = make_snapshot("[repeats]\ncap = 1")
    some = np.arange(8)  # all shown
    own = user(NO_EFFECTS, ())
    asked = personal(5, own, candidates=some)
    result = compose(snapshot, [asked], np.random.default_rng(0))[0]
    assert result.items.size == 5
    pinned = personal(5, own)._replace(pins=(Pin(3, 0),))
    assert compose(snapshot, [pinned], np.random.default_rng(0))[0].items[0] == 3


def test_the_quick_way_and_the_general_way_agree(monkeypatch: pytest.MonkeyPatch):
    """Share of each item at the first place, over snapshots with draws of their own."""
    shares = []
    for quick in (True, False):
        if not quick:
            monkeypatch.setattr("bandits.slates.serve.personal_slate", lambda *_: None)
        share = np.zeros(30)
        for seed in range(25):
            snapshot = make_snapshot(seed=seed)
            for result in compose(snapshot, [personal(3)] * 20, np.random.default_rng(seed)):
                share[result.items[0]] += 1 / 500
        shares.append(share)
    np.testing.assert_allclose(shares[0], shares[1], atol=5 * np.sqrt(0.5 / 250))


def test_of_many_items_a_shortlist_is_looked_at_and_the_floor_shows_all(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(module, "SHORTLIST", 12)
    snapshot = make_snapshot(FLOOR)
    rng = np.random.default_rng(0)
    assert personal_slate(snapshot, personal(), rng) is not None
    items, p = observe(snapshot, personal(), 3000, rng)
    assert_calibrated(items, p)
    assert np.unique(items).size == 30
    assert p.min() > 0
    (kept,) = snapshot.personal.values()
    assert kept.items.size == 12
    without = personal(5, exclude=kept.items[:2])
    found = compose(snapshot, [without] * 50, rng)
    assert not np.isin(kept.items[:2], np.concatenate([each.items for each in found])).any()


def test_lists_by_weights_that_clients_invent_are_bounded():
    snapshot = make_snapshot()
    for weight in range(20):
        own = {"click": 1.0, "freshness": 0.01 * weight}
        compose(snapshot, [personal(5, objectives=own)], np.random.default_rng(0))
    assert len(snapshot.personal) <= module.KEPT_LISTS


def test_without_vectors_repeats_are_learned_all_the_same():
    snapshot = make_snapshot(catalogue=make_catalogue()._replace(vectors=None))
    result = compose(snapshot, [personal()], np.random.default_rng(0))[0]
    parts = [name for why in result.why for name in why if name.startswith("user_")]
    assert set(parts) <= {"user_repeats"}
    assert result.items.size == 5
