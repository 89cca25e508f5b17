"""One item over HTTP: what is known of it, and its counts in every segment that showed it."""

import asyncio

import numpy as np
from aiohttp import web

from bandits.arms import posterior
from bandits.learning.recent_counts import CLICKS, CONVERSIONS, IMPRESSIONS, VALUE
from bandits.learning.special import beta_quantile
from streams.contract.http import ItemInSegment, ItemPage, Limit
from streams.serving.builder import Builder
from streams.serving.http.access import Access
from streams.serving.http.endpoint import Endpoint, Parameter, answer, query
from streams.serving.http.problems import ProblemError
from streams.serving.http.segments import TAIL, arms_of, state_of
from streams.serving.served_state import ServedState

ITEM = Parameter("item_id", str, "of the item", "path")
LIMIT = Parameter("limit", Limit, "segments, 1 to 1000", default=50)


class Items:
    """The handler; `builder` has the state."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def endpoints(self) -> list[Endpoint]:
        """Rows of the table."""
        return [
            Endpoint(
                "GET",
                "/v1/items/{item_id}",
                self.one,
                "An item: what is known of it, and its counts by segment",
                Access.FULL,
                answer=ItemPage,
                parameters=(ITEM, LIMIT),
                problems=(404, 503),
            )
        ]

    async def one(self, request: web.Request) -> web.Response:
        """GET /v1/items/{item_id}."""
        item_id, limit = request.match_info["item_id"], query(request, LIMIT)
        state = state_of(self._builder)
        number = self._builder.items.get(item_id)
        if number is None or number >= state.world.n_items:
            msg = f"no item {item_id[:100]!r} is known; produce it to `items`"
            raise ProblemError(404, msg)
        page = await asyncio.to_thread(item_page, self._builder, state, item_id, number, limit)
        return answer(page)


def item_page(
    builder: Builder, state: ServedState, item_id: str, number: int, limit: int
) -> ItemPage:
    """An item in the segments that showed it most."""
    world, names = state.world, list(state.segments)
    column = world.counts.column(number)  # (n_columns, n_segments)
    column[:VALUE] = np.maximum(column[:VALUE], 0.0)
    impressions = column[IMPRESSIONS]
    order = np.argsort(-impressions, kind="stable")[:limit]
    rows = []
    for segment in order[impressions[order] > 0].tolist():
        alpha, beta = (each[[number]] for each in posterior(arms_of(builder, state, segment)))
        rows.append(
            ItemInSegment(
                segment=names[segment],
                impressions=float(impressions[segment]),
                clicks=float(column[CLICKS, segment]),
                conversions=float(column[CONVERSIONS, segment]),
                value=float(column[VALUE, segment]),
                mean=float((alpha / (alpha + beta))[0]),
                low=float(beta_quantile(np.array([TAIL]), alpha, beta)[0]),
                high=float(beta_quantile(np.array([1 - TAIL]), alpha, beta)[0]),
            )
        )
    item = builder.catalogue.described.get(item_id)
    vectors = world.catalogue.vectors
    return ItemPage(
        item_id=item_id,
        title=None if item is None else item.title,
        category=None if item is None else item.category,
        brand=None if item is None else item.brand,
        price=None if item is None else item.price,
        described=item is not None,
        available=bool(world.catalogue.available[number]) and number not in state.hidden,
        embedded=vectors is not None and bool(np.any(vectors[number])),
        counts_ts=world.counts_ts,
        segments=rows,
    )
