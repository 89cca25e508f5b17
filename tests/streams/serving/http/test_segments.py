"""Segments over HTTP: the counts as they are, and what they say of each item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scipy.stats import beta

from bandits.arms import posterior
from tests.streams.serving.http.site import Site
from tests.streams.serving.world import ITEMS


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.world.count("a/b", ITEMS[3], 30.0, 6.0)
    site.world.count("a/b", ITEMS[4], 10.0)
    site.world.turn(after_s=10)
    return site


def test_segments_with_their_sums_page_by_page(site: Site) -> None:
    async def visit(client: Any) -> None:
        first = await (await client.get("/v1/segments?limit=1")).json()
        assert first["total"] == 2
        assert first["next"] == 1
        assert first["segments"] == [
            {
                "segment": "x",
                "items": 12,
                "impressions": 12_000.0,
                "clicks": 500.0,
                "conversions": 0.0,
                "value": 500.0,
            }
        ]
        second = await (await client.get("/v1/segments?limit=1&offset=1")).json()
        assert [each["segment"] for each in second["segments"]] == ["a/b"]
        assert second["next"] is None
        assert (await (await client.get("/v1/segments?offset=9")).json())["segments"] == []
        for wrong in ("limit=0", "limit=1001", "limit=x", "offset=-1"):
            answer = await client.get(f"/v1/segments?{wrong}")
            assert answer.status == 400
            assert wrong.split("=")[0] in (await answer.json())["error"]

    site.run(visit)


@pytest.mark.parametrize("prepared", [False, True])
def test_items_with_posterior_mean_interval_and_exposure(site: Site, prepared: bool) -> None:
    """By SciPy's quantiles of the arm's posterior: whether or not the segment was asked for."""
    if prepared:
        site.world.builder.want("base", "a/b", 10, site.world.now_s)
        site.world.turn()
    state = site.world.builder.state
    assert state is not None
    assert ("a/b" in state.prepared) == prepared

    async def visit(client: Any) -> None:
        page = await (await client.get("/v1/segments/a%2Fb/items?limit=2")).json()
        assert (page["segment"], page["total"], page["next"]) == ("a/b", 12, 2)
        most, next_one = page["items"]
        assert (most["item_id"], most["impressions"], most["clicks"]) == (ITEMS[3], 30.0, 6.0)
        assert (most["exposure_share"], next_one["exposure_share"]) == (0.75, 0.25)
        site.world.builder.want("base", "a/b", 10, site.world.now_s)
        site.world.turn()
        alpha, belief = (each[3] for each in posterior(state.prepared["a/b"].view.arms))
        assert most["mean"] == pytest.approx(alpha / (alpha + belief))
        for name, quantile in (("low", 0.025), ("high", 0.975)):
            assert most[name] == pytest.approx(beta.ppf(quantile, alpha, belief), rel=1e-6)
        assert next_one["mean"] < most["mean"]
        everything = (await (await client.get("/v1/segments/a%2Fb/items")).json())["items"]
        assert sum(row["best"] for row in everything) == pytest.approx(1)
        assert everything[0]["best"] == most["best"] > next_one["best"]

    site.run(visit)


def test_pages_hold_every_item_once(site: Site) -> None:
    async def visit(client: Any) -> None:
        found: list[str] = []
        offset: int | None = 0
        while offset is not None:
            answer = await client.get(f"/v1/segments/x/items?limit=5&offset={offset}")
            page = await answer.json()
            found += [row["item_id"] for row in page["items"]]
            offset = page["next"]
        assert sorted(found) == sorted(ITEMS)

    site.run(visit)


def test_an_item_stands_with_its_segments(site: Site) -> None:
    async def visit(client: Any) -> None:
        page = await (await client.get(f"/v1/items/{ITEMS[3]}")).json()
        assert [row["segment"] for row in page["segments"]] == ["x", "a/b"]
        assert (page["described"], page["available"], page["embedded"]) == (True, True, False)
        of_segment = await (await client.get("/v1/segments/a%2Fb/items?limit=1")).json()
        (row,) = of_segment["items"]
        for name in ("impressions", "clicks", "mean", "low", "high"):
            assert page["segments"][1][name] == pytest.approx(row[name])
        assert (await client.get("/v1/items/nobody")).status == 404

    site.run(visit)


def test_a_segment_without_counts_is_a_404(site: Site) -> None:
    async def visit(client: Any) -> None:
        answer = await client.get("/v1/segments/unheard-of/items")
        assert answer.status == 404
        assert "GET /v1/segments" in (await answer.json())["error"]

    site.run(visit)
