"""What clicks say of items, blended with what their texts say; how much of it is learned.

    v_i = [ sqrt(1 - a) y_i , sqrt(a) g_i ] / |.|       y_i: centred text (`encoder.serving.blend`)
    g_i = w_i f_i + (1 - w_i) y_i B                     f_i: co-clicks (`encoder.corpus.co_clicks`)
    w_i = n_i / (n_i + EVIDENCE)                        n_i: users who clicked i
    B   = argmin sum_i w_i |y_i B - f_i|^2 + RIDGE |B|^2

The more clicks an item has the more they say of it; one without any lies where its text says that
its clicks will be. Whoever embeds a new item needs c, B and a beside the encoder, and no clicks.

*Share.* a is the one of `SHARES` with the highest NDCG on an earlier part of the events, with other
items set apart (`encoder.corpus.corpus.earlier`): what judges the release has no part in it.
*Judged* like every catalogue: by users' choices after the cutoff, held-out items by their texts
alone. The blend is taken where the paired interval of NDCG over users lies above zero and that of
new items not below. *Published* is the same made once more of all clicks.

The ridge regression to new items is that of Gantner et al. (2010), Learning Attribute-to-Feature
Mappings for Cold-Start Recommendations.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.co_clicks import co_clicks
from encoder.corpus.corpus import Corpus, Events, Split, earlier
from encoder.release.catalogue import Catalogue
from encoder.release.evaluate import Case, K, cases, judge, ndcg, ndcg_by_user
from encoder.release.intervals import Interval, mean_interval
from encoder.release.mixture import Chosen, mixed
from encoder.serving.blend import Blend

Clicks = Literal["auto", "off"]
FloatArray = NDArray[np.float32]

SHARES = (0.3, 0.5, 0.7, 0.8, 0.9)
EVIDENCE = 5.0  # clicks of an item that say as much as its text about who will click it
RIDGE = 3.0
FEWEST_USERS = 20  # to choose a share by, and to judge by: fewer say nothing
MOST_USERS = 2_000  # to choose by; evenly taken of more, so that many users cost no more
EARLIER = Split(salt="share")


class Fitted(NamedTuple):
    """Attributes: `centre` (d,) c; `clicks` (d, f) B; `texts` (n_items, d) y; `known` (n_items, f)
    g.
    """

    centre: FloatArray
    clicks: FloatArray
    texts: FloatArray
    known: FloatArray

    def blend(self, share: float) -> Blend:
        """What new items need."""
        return Blend(self.centre, self.clicks, share)

    def vectors(self, share: float) -> FloatArray:
        """V of all items, (n_items, d + f)."""
        return self.blend(share).beside(self.texts, self.known)


def fit(texts: FloatArray, held_out: NDArray[np.bool_], events: Events) -> Fitted | None:
    """Everything but the share; None where no two items were clicked by one user.

    Parameters
    ----------
    texts
        (n_items, d) unit vectors of the texts.
    held_out
        (n_items,) items that the centre is not made of.
    events
        Of other items.

    """
    found = co_clicks(events, len(texts))
    there = found.vectors.any(axis=1)  # (n_items,)
    if not there.any():
        return None
    centre = texts[~held_out].mean(axis=0)  # (d,)
    y = Blend(centre, found.vectors[:0], 0.5).centred(texts)  # (n_items, d)
    w = np.where(there, found.clicks / (found.clicks + EVIDENCE), 0.0).astype(np.float32)[:, None]
    weighed = w[there] * y[there]
    square = (weighed.T @ y[there]).astype(np.float64) + RIDGE * np.eye(y.shape[1])  # (d, d)
    clicks = np.linalg.solve(square, weighed.T @ found.vectors[there]).astype(np.float32)  # (d, f)
    return Fitted(centre, clicks, y, w * found.vectors + (1 - w) * (y @ clicks))


def blended(
    chosen: Chosen, student: FloatArray, corpus: Corpus, rng: np.random.Generator
) -> Chosen:
    """The catalogue with clicks blended in, where the figures prefer it; else as it was, with a
    sentence more.

    Parameters
    ----------
    chosen
        The catalogue of texts and its figures.
    student
        (n_items, d) unit rows, what the encoder of the release makes of the texts.
    corpus
        Items and events with their split.
    rng
        Of the bootstrap.

    """
    texts = mixed(chosen.catalogue.vectors, student, corpus.held_out)  # (n_items, d)
    share = learned_share(texts, corpus)
    fitted = fit(texts, corpus.held_out, corpus.training_events())
    users = _asked(corpus)
    if share is None or fitted is None or len(users) < FEWEST_USERS:
        return _kept(chosen, "too few users clicked before and after the cutoff")
    vectors = fitted.vectors(share)
    known = np.unique(corpus.events.items)
    gain = _gain(texts, vectors, corpus, known, rng)
    new = _gain(texts, vectors, corpus, known[corpus.held_out[known]], rng)
    said = f"share {share:g}; ndcg@{K} {_words(gain)}; of new items {_words(new)}"
    if gain is None or gain.low <= 0 or (new is not None and new.high < 0):
        return _kept(chosen, said)
    whole = fit(chosen.catalogue.vectors, np.zeros(len(corpus), np.bool_), corpus.events)
    if whole is None:  # there are no fewer clicks than above
        return _kept(chosen, said)
    before = {f"text_{name}": value for name, value in chosen.metrics.items() if "ndcg" in name}
    figures = chosen.metrics | before | judge(vectors, corpus) | {"clicks_share": share}
    catalogue = Catalogue(chosen.catalogue.made_by, whole.vectors(share), whole.blend(share))
    return Chosen(catalogue, figures, [*chosen.why, f"clicks have a part in the vectors ({said})"])


def learned_share(texts: FloatArray, corpus: Corpus) -> float | None:
    """See the module's docstring; None where too few users did anything to choose by."""
    before = earlier(corpus, EARLIER)
    users, pool = _asked(before), np.unique(before.events.items)
    fitted = fit(texts, before.held_out, before.training_events())
    if fitted is None or len(users) < FEWEST_USERS:
        return None
    found = {share: ndcg(fitted.vectors(share), users, pool) or 0.0 for share in SHARES}
    return max(found, key=lambda share: found[share])


def measured_again(
    texts: FloatArray, figures: dict[str, float], corpus: Corpus, share: float
) -> dict[str, float]:
    """Figures of a release whose clicks have this share, made again of what training sees: its own
    vectors know the events that judge.
    """
    fitted = fit(texts, corpus.held_out, corpus.training_events())
    return figures if fitted is None else figures | judge(fitted.vectors(share), corpus)


def _asked(corpus: Corpus) -> list[Case]:
    users = list(cases(corpus))
    return users[:: max(1, -(-len(users) // MOST_USERS))]


def _gain(
    before: FloatArray,
    after: FloatArray,
    corpus: Corpus,
    pool: NDArray[np.int64],
    rng: np.random.Generator,
) -> Interval | None:
    users = _asked(corpus)
    gains = ndcg_by_user(after, users, pool) - ndcg_by_user(before, users, pool)  # (users,)
    return None if np.isnan(gains).all() else mean_interval(gains, rng)


def _kept(chosen: Chosen, why: str) -> Chosen:
    return chosen._replace(why=[*chosen.why, f"clicks have no part in the vectors ({why})"])


def _words(gain: Interval | None) -> str:
    if gain is None:
        return "not known"
    return f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f} over users)"
