"""Two vectors of an item side by side."""

import numpy as np

from bandits.learning.embedding_prior import neighbour_anchor
from bandits.learning.modalities import side_by_side
from bandits.learning.projection import bring_down


def test_a_cosine_is_half_of_each():
    """Texts at 0.6, images at -0.8: 0.5 * 0.6 - 0.5 * 0.8 = -0.1; lengths 2 and 3."""
    text = np.array([[1, 0], [0.6, 0.8]], np.float32)
    own = np.array([[0, 1, 0], [0.6, -0.8, 0]], np.float32)
    found = side_by_side(text, own)
    assert found.shape == (2, 5)
    assert np.isclose(found[0] @ found[1], -0.1)
    assert np.allclose(np.linalg.norm(found, axis=1), 1)


def test_what_is_missing_is_the_mean_of_what_is_there():
    """Item 2 has a text alone: its other half is the mean (0.5, 0.5) of the others' halves."""
    text = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    own = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    found = side_by_side(text, own)
    assert np.allclose(found[2], np.array([1, 0, 0.5, 0.5]) / np.sqrt(1.5))


def test_items_with_neither_are_zeros_and_one_kind_alone_stays_as_it_is():
    text = np.array([[1, 0], [0, 0]], np.float32)
    own = np.array([[0, 1, 0], [0, 0, 0]], np.float32)
    assert not side_by_side(text, own)[1].any()
    assert side_by_side(text, None) is text
    assert side_by_side(None, own) is own
    assert side_by_side(text, np.zeros_like(own)) is text
    assert side_by_side(np.zeros_like(text), own) is own
    assert side_by_side(None, None) is None


def test_a_prior_from_both_is_better_than_from_one():
    """600 items, 100 of them never shown; rates follow from a text and an image by half each; every
    third item has no image, every fifth no text. Correlation of prior and rate of the unseen.
    """
    rng = np.random.default_rng(3)
    n = 600
    text, image = bring_down(rng.normal(size=(n, 12))), bring_down(rng.normal(size=(n, 20)))
    line = text @ rng.normal(size=12) / np.sqrt(12) + image @ rng.normal(size=20) / np.sqrt(20)
    rates = 0.1 * np.clip(1 + 0.5 * line / line.std(), 0.1, 4)
    text[::5], image[::3] = 0, 0
    looks = np.where(np.arange(n) < 500, 400.0, 0.0)
    hits = rng.binomial(looks.astype(int), rates).astype(float)
    unseen = (looks == 0) & text.any(axis=1) & image.any(axis=1)

    def agreement(vectors, where):
        anchor = neighbour_anchor(looks, hits, vectors, hits.sum() / looks.sum(), 3.0)
        return np.corrcoef(anchor.mean[where], rates[where])[0, 1]

    both = side_by_side(text, image)
    one = max(agreement(text, unseen), agreement(image, unseen))
    assert agreement(both, unseen) > one + 0.1
    for lacking in (text, image):
        where = (looks == 0) & ~lacking.any(axis=1) & (text.any(axis=1) | image.any(axis=1))
        assert agreement(both, where) > 0.4
