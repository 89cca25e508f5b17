"""The corpus: what is held out, what is for training, and that nothing passes between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.corpus.corpus import CLICK, CONVERSION, Feedback, Split, among, build, earlier

ITEMS = [{"item_id": f"i{number}", "title": f"title {number}"} for number in range(200)]


def feedback(n: int = 400) -> list[Feedback]:
    rng = np.random.default_rng(0)
    kinds = ("click", "conversion")
    return [
        Feedback(f"u{rng.integers(20)}", f"i{rng.integers(200)}", kinds[rng.integers(2)], float(t))
        for t in range(n)
    ]


def test_share_of_items_is_held_out():
    corpus = build(ITEMS, [], Split(held_out_share=0.3))
    assert 0.2 < corpus.held_out.mean() < 0.4  # 200 draws at 0.3: three standard deviations are 0.1


def test_no_text_is_on_both_sides():
    twins = [{"item_id": f"twin{number}", "title": f"title {number}"} for number in range(200)]
    corpus = build([*ITEMS, *twins], [])
    train = {corpus.texts[row] for row in corpus.training_rows()}
    assert not train & {corpus.texts[row] for row in corpus.held_out_rows()}
    assert len(train) == len(corpus.training_rows())  # each text once


def test_held_out_items_stay_held_out_when_the_catalogue_grows():
    before, after = build(ITEMS[:100], []), build(ITEMS, [])
    side = dict(zip(after.item_ids, after.held_out, strict=True))
    assert all(
        side[item_id] == held
        for item_id, held in zip(before.item_ids, before.held_out, strict=True)
    )


def test_another_salt_holds_out_others():
    assert (
        build(ITEMS, [], Split(salt="a")).held_out != build(ITEMS, [], Split(salt="b")).held_out
    ).any()


def test_training_events_are_before_the_cutoff_and_on_training_items():
    corpus = build(ITEMS, feedback())
    events = corpus.training_events()
    assert len(events.items) > 0
    assert (events.times_s < corpus.cutoff_s).all()
    assert not corpus.held_out[events.items].any()


def test_cutoff_leaves_the_last_share_of_events():
    corpus = build(ITEMS, feedback(), Split(test_share=0.25))
    assert np.mean(corpus.events.times_s >= corpus.cutoff_s) == pytest.approx(0.25, abs=0.01)


def test_without_a_test_share_all_events_train():
    corpus = build(ITEMS, feedback(), Split(held_out_share=0, test_share=0))
    assert len(corpus.training_events().items) == len(corpus.events.items)


@given(st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(random):
    shuffled = feedback(60)
    random.shuffle(shuffled)
    one, other = build(ITEMS, feedback(60)), build(ITEMS, shuffled)
    assert all((a == b).all() for a, b in zip(one.events, other.events, strict=True))


def test_feedback_sent_twice_counts_once_and_unknown_items_do_not_count():
    sent = [
        Feedback("u", "i1", "click", 2.0),
        Feedback("u", "i1", "click", 1.0),
        Feedback("u", "gone", "click", 1.0),
    ]
    corpus = build(ITEMS, [*sent, Feedback("u", "i1", "conversion", 3.0)])
    assert corpus.events.kinds.tolist() == [CLICK, CONVERSION]
    assert corpus.events.times_s.tolist() == [1.0, 3.0]


def test_later_version_of_an_item_counts():
    corpus = build([{"item_id": "a", "title": "old"}, {"item_id": "a", "title": "new"}], [])
    assert corpus.texts == ("new.",)


def test_empty_catalogue_is_refused():
    with pytest.raises(ValueError, match="at least one item"):
        build([], [])


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="click, conversion"):
        build(ITEMS, [Feedback("u", "i1", "like", 1.0)])


@pytest.mark.parametrize("split", [Split(held_out_share=1.0), Split(test_share=-0.1)])
def test_shares_out_of_range_are_refused(split):
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        build(ITEMS, [], split)


def test_the_corpus_as_it_was_has_training_events_only_and_other_items_held_out():
    corpus = build(ITEMS, feedback())
    before = earlier(corpus, Split(0.3, 0.25, "other"))
    trained = corpus.training_events()
    assert np.array_equal(before.events.times_s, trained.times_s)
    assert before.cutoff_s < corpus.cutoff_s
    assert np.isclose((before.events.times_s >= before.cutoff_s).mean(), 0.25, atol=0.02)
    assert 0.15 < before.held_out.mean() < 0.4
    assert not (before.held_out & corpus.held_out).any()


def test_part_of_a_corpus_has_its_items_their_side_and_the_events_on_them():
    corpus = build(ITEMS, feedback())
    rows = np.arange(1, 200, 3)
    part = among(corpus, rows)
    assert part.item_ids == tuple(corpus.item_ids[row] for row in rows)
    assert part.texts == tuple(corpus.texts[row] for row in rows)
    assert np.array_equal(part.held_out, corpus.held_out[rows])
    inside = np.isin(corpus.events.items, rows)
    assert np.array_equal(rows[part.events.items], corpus.events.items[inside])
    assert np.array_equal(part.events.times_s, corpus.events.times_s[inside])
    assert part.cutoff_s == corpus.cutoff_s
