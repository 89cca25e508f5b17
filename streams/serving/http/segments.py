"""Segments over HTTP: what was counted, and what it says of each item.

    mean        posterior mean of a click per look
    low, high   posterior quantiles at 2.5% and 97.5%
    best        probability of being best (`bandits.learning.best_item`)
    exposure    I_a / sum_b I_b, of the segment's impressions

Worked out beside the event loop, from the served state of the moment.
"""

import asyncio

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats, posterior
from bandits.learning.best_item import probability_best
from bandits.learning.priors import arm_view
from bandits.learning.recent_counts import CLICKS, CONVERSIONS, IMPRESSIONS, VALUE
from bandits.learning.special import beta_quantile
from bandits.slates.variants import BASE
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
        return answer(
            await asyncio.to_thread(segments_page, state_of(self._builder), limit, offset)
        )

    async def items(self, request: web.Request) -> web.Response:
        """GET /v1/segments/{segment}/items."""
        limit, offset = query(request, LIMIT), query(request, OFFSET)
        segment, state = request.match_info["segment"], state_of(self._builder)
        if segment not in state.segments:
            msg = f"no counts of segment {segment[:100]!r}; GET /v1/segments says which there are"
            raise ProblemError(404, msg)
        page = await asyncio.to_thread(items_page, self._builder, state, segment, limit, offset)
        return answer(page)


def state_of(builder: Builder) -> ServedState:
    """The state of the moment.

    Raises
    ------
    ProblemError
        Before the first one.
    """
    state = builder.state
    if state is None:
        msg = "the counts and items are not read yet; try again in a moment"
        raise ProblemError(503, msg)
    return state


def arms_of(builder: Builder, state: ServedState, number: int) -> ArmView:
    """A segment as its policies see it, whether or not it was asked for lately: as its group."""
    snapshot = state.prepared.get(state.served_as(BASE, state.segment_names[number]))
    if snapshot is not None:
        return snapshot.view.arms
    part = state.world.learned.of(number)
    return arm_view(
        part.counts,
        part.segment,
        builder.config.priors,
        state.world.catalogue.learned_from,
        beliefs=part.beliefs,
    )


def segments_page(state: ServedState, limit: int, offset: int) -> SegmentsPage:
    """Segments in the order they came."""
    names = list(state.segments)
    page = slice(offset, offset + limit)
    rows = []
    for own in state.world.counts.segments[page]:
        sums = np.maximum(own.sums, 0.0)
        columns = (IMPRESSIONS, CLICKS, CONVERSIONS)
        seen = int((sums[IMPRESSIONS] > 0).sum())
        rows.append((seen, *sums[columns, :].sum(axis=1).tolist(), float(own.sums[VALUE].sum())))
    return SegmentsPage(
        counts_ts=state.world.counts_ts,
        total=len(names),
        segments=[
            SegmentRow(name, *values) for name, values in zip(names[page], rows, strict=True)
        ],
        next=_next(offset, limit, len(names)),
    )


def items_page(
    builder: Builder, state: ServedState, segment: str, limit: int, offset: int
) -> ItemsPage:
    """Items of a segment, those with most impressions first; of equals the one that came first."""
    world, number = state.world, state.segments[segment]
    arms = arms_of(builder, state, number)
    row = world.counts.row(number)  # (n_columns, n_items)
    impressions = np.maximum(row[IMPRESSIONS], 0.0)
    order = np.argsort(-impressions, kind="stable")[offset : offset + limit]  # (n_rows,)
    alpha, beta = posterior(arms)  # (n_items,) each
    shown = _shown(state)  # (n_items,)
    # subtle: of one state every page must say the same
    rng = np.random.default_rng([state.number, number])
    best = probability_best(alpha, beta, shown, rng)[order]
    alpha, beta = alpha[order], beta[order]
    columns: list[Floats] = [
        impressions[order],
        np.maximum(row[CLICKS, order], 0.0),
        np.maximum(row[CONVERSIONS, order], 0.0),
        row[VALUE, order],
        alpha / (alpha + beta),
        beta_quantile(np.full(alpha.size, TAIL), alpha, beta),
        beta_quantile(np.full(alpha.size, 1 - TAIL), alpha, beta),
        impressions[order] / max(float(impressions.sum()), 1.0),
        best,
    ]
    return ItemsPage(
        counts_ts=world.counts_ts,
        segment=segment,
        total=impressions.size,
        items=[
            ItemRow(
                state.names[item],
                _title(builder, state.names[item]),
                bool(shown[item]),
                *values,
            )
            for item, values in zip(order.tolist(), np.stack(columns, axis=1).tolist(), strict=True)
        ],
        next=_next(offset, limit, impressions.size),
    )


def _shown(state: ServedState) -> NDArray[np.bool_]:
    """Which items may be shown, (n_items,)."""
    shown = state.world.catalogue.available.copy()
    shown[[item for item in state.hidden if item < shown.size]] = False
    return shown


def _title(builder: Builder, name: str) -> str | None:
    item = builder.catalogue.described.get(name)
    return None if item is None else item.title


def _next(offset: int, limit: int, total: int) -> int | None:
    return offset + limit if offset + limit < total else None
