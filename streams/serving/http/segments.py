"""Segments over HTTP: what was counted, and what it says of each item.

    mean        posterior mean of a click per look
    low, high   posterior quantiles at 2.5% and 97.5%
    exposure    I_a / sum_b I_b, of the segment's impressions

Worked out beside the event loop, from the served state of the moment.
"""

import asyncio

import numpy as np
from aiohttp import web

from bandits.arms import Floats, posterior
from bandits.learning.priors import arm_view
from bandits.learning.special import beta_quantile
from streams.contract.http import ItemRow, ItemsPage, Limit, Offset, SegmentRow, SegmentsPage
from streams.serving.builder import Builder
from streams.serving.http.access import Access
from streams.serving.http.endpoint import Endpoint, Parameter, answer, query
from streams.serving.http.problems import ProblemError
from streams.serving.served_state import ServedState

TAIL = 0.025  # of the posterior, on each side
LIMIT = Parameter("limit", Limit, "rows of a page, 1 to 1000", default=100)
OFFSET = Parameter("offset", Offset, "rows before the page", default=0)
SEGMENT = Parameter("segment", str, "its name", "path")


class Segments:
    """The handlers; `builder` has the state."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def endpoints(self) -> list[Endpoint]:
        """Rows of the table."""
        return [
            Endpoint(
                "GET",
                "/v1/segments",
                self.all,
                "Segments with the sums of their counts",
                Access.FULL,
                answer=SegmentsPage,
                parameters=(LIMIT, OFFSET),
                problems=(503,),
            ),
            Endpoint(
                "GET",
                "/v1/segments/{segment}/items",
                self.items,
                "Items of a segment: counts, posterior mean and interval, exposure share",
                Access.FULL,
                answer=ItemsPage,
                parameters=(SEGMENT, LIMIT, OFFSET),
                problems=(404, 503),
            ),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """GET /v1/segments."""
        limit, offset = query(request, LIMIT), query(request, OFFSET)
        return answer(await asyncio.to_thread(segments_page, self._state(), limit, offset))

    async def items(self, request: web.Request) -> web.Response:
        """GET /v1/segments/{segment}/items."""
        limit, offset = query(request, LIMIT), query(request, OFFSET)
        segment, state = request.match_info["segment"], self._state()
        if segment not in state.segments:
            msg = f"no counts of segment {segment[:100]!r}; GET /v1/segments says which there are"
            raise ProblemError(404, msg)
        page = await asyncio.to_thread(items_page, self._builder, state, segment, limit, offset)
        return answer(page)

    def _state(self) -> ServedState:
        state = self._builder.state
        if state is None:
            msg = "the counts and items are not read yet; try again in a moment"
            raise ProblemError(503, msg)
        return state


def segments_page(state: ServedState, limit: int, offset: int) -> SegmentsPage:
    """Segments in the order they came."""
    counts, names = state.world.counts, list(state.segments)
    page = slice(offset, offset + limit)
    sums = [
        (counts.impressions[page] > 0).sum(axis=1),
        *(
            each[page].sum(axis=1)
            for each in (counts.impressions, counts.clicks, counts.conversions, counts.value)
        ),
    ]
    rows = np.stack(sums, axis=1).tolist()
    return SegmentsPage(
        counts_ts=state.world.counts_ts,
        total=len(names),
        segments=[
            SegmentRow(name, int(items), *values)
            for name, (items, *values) in zip(names[page], rows, strict=True)
        ],
        next=_next(offset, limit, len(names)),
    )


def items_page(
    builder: Builder, state: ServedState, segment: str, limit: int, offset: int
) -> ItemsPage:
    """Items of a segment, those with most impressions first; of equals the one that came first."""
    world, number = state.world, state.segments[segment]
    snapshot = state.prepared.get(segment)
    arms = (
        arm_view(
            world.counts,
            number,
            builder.config.priors,
            world.catalogue.vectors,  # type: ignore[arg-type]
            beliefs=world.beliefs,
        )
        if snapshot is None
        else snapshot.view.arms
    )
    counts = world.counts
    impressions = counts.impressions[number]  # (n_items,)
    order = np.argsort(-impressions, kind="stable")[offset : offset + limit]  # (n_rows,)
    alpha, beta = (each[order] for each in posterior(arms))
    columns: list[Floats] = [
        impressions[order],
        counts.clicks[number, order],
        counts.conversions[number, order],
        counts.value[number, order],
        alpha / (alpha + beta),
        beta_quantile(np.full(alpha.size, TAIL), alpha, beta),
        beta_quantile(np.full(alpha.size, 1 - TAIL), alpha, beta),
        impressions[order] / max(float(impressions.sum()), 1.0),
    ]
    return ItemsPage(
        counts_ts=world.counts_ts,
        segment=segment,
        total=impressions.size,
        items=[
            ItemRow(
                state.names[item],
                _title(builder, state.names[item]),
                bool(world.catalogue.available[item]) and item not in state.hidden,
                *values,
            )
            for item, values in zip(order.tolist(), np.stack(columns, axis=1).tolist(), strict=True)
        ],
        next=_next(offset, limit, impressions.size),
    )


def _title(builder: Builder, name: str) -> str | None:
    item = builder.catalogue.described.get(name)
    return None if item is None else item.title


def _next(offset: int, limit: int, total: int) -> int | None:
    return offset + limit if offset + limit < total else None
