"""The door: who may do what, how often, from which page; and that every error is a problem."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from streams.config import SettingsError
from streams.serving.http.access import Access, Tokens
from tests.streams.making import settings
from tests.streams.serving.http.site import Site

TOKEN, PUBLIC = "full-token", "public-token"
SECURED = {"SLATESTREAM_HTTP_TOKEN": TOKEN, "SLATESTREAM_HTTP_PUBLIC_TOKEN": PUBLIC}
ASKED = {"user_id": "u"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("header", "access"),
    [
        (f"Bearer {TOKEN}", Access.FULL),
        (f"bearer  {TOKEN} ", Access.FULL),
        (f"Bearer {PUBLIC}", Access.PUBLIC),
        ("", Access.NOTHING),
        ("Bearer", Access.NOTHING),
        ("Bearer ", Access.NOTHING),
        (f"Basic {TOKEN}", Access.NOTHING),
        (f"Bearer {TOKEN}x", Access.NOTHING),
        ("Bearer \udce4", Access.NOTHING),
    ],
)
def test_a_token_allows_what_it_says(header: str, access: Access) -> None:
    assert Tokens(TOKEN, PUBLIC).access(header) is access


def test_an_empty_public_token_is_nobodys() -> None:
    assert Tokens(TOKEN, "").access("Bearer ") is Access.NOTHING


def test_without_a_token_everybody_may_do_everything() -> None:
    assert Tokens("", "").access("") is Access.FULL


@pytest.mark.parametrize("token", ["", PUBLIC])
def test_a_public_token_needs_another_one_beside_it(tmp_path: Path, token: str) -> None:
    with pytest.raises(SettingsError, match="SLATESTREAM_HTTP_TOKEN beside it"):
        settings(tmp_path, SLATESTREAM_HTTP_TOKEN=token, SLATESTREAM_HTTP_PUBLIC_TOKEN=PUBLIC)


def test_every_endpoint_of_v1_asks_for_a_token_and_the_probes_do_not(tmp_path: Path) -> None:
    site = Site(tmp_path, **SECURED)
    public = {"/v1/slates", "/v1/slates:batch", "/v1/events"}

    async def visit(client: Any) -> None:
        for each in site.api.endpoints:
            path = each.path.replace("{slate_id}", "s").replace("{segment}", "x")
            path = path.replace("{item_id}", "i")
            if each.path == "/v1/client.js":  # a page's script brings no token
                assert (await client.get(path)).status == 200
                continue
            for headers in ({}, bearer("wrong")):
                answer = await client.request(each.method, path, headers=headers)
                assert answer.status == 401, path
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert "Authorization: Bearer" in (await answer.json())["error"]
            allowed = await client.request(each.method, path, headers=bearer(PUBLIC))
            told = path in public and each.method == "POST"
            assert (allowed.status != 401) == told, path
            if path != "/v1/dead-letters":  # there is no broker
                # a stream would go on
                method = "HEAD" if path == "/v1/live" else each.method
                full = await client.request(method, path, headers=bearer(TOKEN))
                assert full.status in (200, 202, 400, 404), path
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await client.get(path)).status == 200

    site.run(visit)


def test_a_beacon_brings_the_public_token_in_its_query_and_no_other(tmp_path: Path) -> None:
    async def visit(client: Any) -> None:
        line = {"topic": "clicks", "event": {"slate_id": "s", "user_id": "u", "item_id": "i"}}
        line["event"]["ts"] = 1e9  # type: ignore[index]
        for token, status in ((PUBLIC, 202), (TOKEN, 401), ("wrong", 401), ("", 401)):
            answer = await client.post(f"/v1/events?token={token}", json=[line])
            assert answer.status == status, token
        item = {"topic": "items", "event": {"item_id": "i"}}
        answer = await client.post(f"/v1/events?token={PUBLIC}", json=[item])
        assert (await answer.json())["accepted"] == 0
        for path in ("/v1/health", "/v1/slates"):
            for token in (PUBLIC, TOKEN):
                assert (await client.get(f"{path}?token={token}")).status == 401

    Site(tmp_path, **SECURED).run(visit)


def test_the_public_token_does_not_explain(tmp_path: Path) -> None:
    async def visit(client: Any) -> None:
        answer = await client.post("/v1/slates?explain=1", json=ASKED, headers=bearer(PUBLIC))
        assert answer.status == 401

    Site(tmp_path, **SECURED).run(visit)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/nothing", 404), ("DELETE", "/v1/slates", 405)],
)
def test_what_is_not_there_is_a_problem(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    async def visit(client: Any) -> None:
        answer = await client.request(method, path)
        found = await answer.json()
        assert answer.status == found["status"] == status
        assert answer.content_type == "application/problem+json"
        assert set(found) == {"type", "title", "status", "detail", "error", "request_id"}

    Site(tmp_path).run(visit)


def test_a_large_body_is_413_also_when_it_is_compressed(tmp_path: Path) -> None:
    import gzip

    site = Site(tmp_path, SLATESTREAM_HTTP_MAX_REQUEST_BYTES="2000")

    async def visit(client: Any) -> None:
        for body, headers in (
            (b" " * 3000, {}),
            (gzip.compress(b" " * 1_000_000), {"Content-Encoding": "gzip"}),
        ):
            answer = await client.post("/v1/events", data=body, headers=headers)
            assert answer.status == 413
            assert "MAX_REQUEST_BYTES" in (await answer.json())["error"]

    site.run(visit)


def test_a_fault_of_the_server_is_a_problem_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(tmp_path)

    def fail(*_arguments: Any, **_named: Any) -> Any:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(site.world.responder, "answer", fail)

    async def visit(client: Any) -> None:
        answer = await client.post("/v1/slates", json=ASKED, headers={"X-Request-Id": "x7"})
        assert answer.status == 500
        assert "secret" not in await answer.text()

    site.run(visit)
    assert "x7" in caplog.text
    assert "a secret" in caplog.text


def test_more_than_the_rate_is_429_with_retry_after_for_that_address_only(tmp_path: Path) -> None:
    site = Site(
        tmp_path,
        **SECURED,
        SLATESTREAM_HTTP_PUBLIC_RATE_PER_S="5",
        SLATESTREAM_HTTP_PROXIES="1",
    )

    async def visit(client: Any) -> None:
        async def status(token: str, address: str) -> int:
            headers = CIMultiDict(bearer(token))
            headers.add("X-Forwarded-For", f"{random.random()}")  # invented by the client
            headers.add("X-Forwarded-For", address)
            answer = await client.post("/v1/slates", json=ASKED, headers=headers)
            if answer.status == 429:
                assert int(answer.headers["Retry-After"]) >= 1
            return int(answer.status)

        found = [await status(PUBLIC, "1.1.1.1") for _ in range(20)]
        assert found[:5] == [200] * 5
        assert 429 in found
        assert await status(PUBLIC, "2.2.2.2") == 200
        assert [await status(TOKEN, "1.1.1.1") for _ in range(20)] == [200] * 20
        guesses = [await status("guess", "3.3.3.3") for _ in range(20)]
        assert set(guesses) == {401, 429}
        await asyncio.sleep(0.3)
        assert await status(PUBLIC, "1.1.1.1") == 200

    site.run(visit)


def test_pages_of_other_origins_are_refused_unless_the_setting_names_them(tmp_path: Path) -> None:
    shop, strange = "https://shop.example", "https://strange.example"
    site = Site(tmp_path, SLATESTREAM_HTTP_CORS_ORIGINS=shop, **SECURED)

    async def visit(client: Any) -> None:
        asks = {"Access-Control-Request-Method": "POST"}
        before = await client.options("/v1/slates", headers={"Origin": shop, **asks})
        assert (before.status, before.headers["Access-Control-Allow-Origin"]) == (204, shop)
        assert "Authorization" in before.headers["Access-Control-Allow-Headers"]
        headers = {**bearer(PUBLIC), "Origin": shop}
        answer = await client.post("/v1/slates", json=ASKED, headers=headers)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, shop)
        no = await client.post("/v1/slates", json=ASKED, headers=headers | {"Origin": strange})
        assert no.status == 401
        assert "Access-Control-Allow-Origin" not in no.headers
        own = f"http://{client.host}:{client.port}"
        assert (
            await client.post("/v1/slates", json=ASKED, headers=headers | {"Origin": own})
        ).status == 200
        # a page sees why it was refused
        wrong = await client.post("/v1/slates", json=ASKED, headers={"Origin": shop})
        assert (wrong.status, wrong.headers["Access-Control-Allow-Origin"]) == (401, shop)

    site.run(visit)


def test_a_process_on_loopback_without_a_token_is_no_other_hosts(tmp_path: Path) -> None:
    """A page whose name was bound to 127.0.0.1 afterwards calls under that name."""

    async def visit(client: Any) -> None:
        for host, status in (
            ("127.0.0.1:6066", 200),
            ("localhost", 200),
            ("[::1]:6066", 200),
            ("strange.example:6066", 401),
        ):
            answer = await client.get("/v1/health", headers={"Host": host})
            assert answer.status == status, host
            assert (await client.get("/healthz", headers={"Host": host})).status == 200

    Site(tmp_path).run(visit)

    async def open_visit(client: Any) -> None:
        headers = {"Host": "slatestream:6066", **bearer(TOKEN)}
        assert (await client.get("/v1/health", headers=headers)).status == 200

    Site(tmp_path, **SECURED).run(open_visit)
    Site(tmp_path, SLATESTREAM_HTTP_HOST="0.0.0.0").run(open_visit)


def test_requests_are_counted_by_endpoint_and_status_and_not_by_path(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def visit(client: Any) -> None:
        for path in ("/v1/slates/a", "/v1/slates/b", "/nothing/1", "/nothing/2"):
            await client.get(path)

    site.run(visit)
    for endpoint in ("/v1/slates/{slate_id}", "other"):
        labels = {"endpoint": endpoint, "status": "404"}
        registry = site.world.metrics.registry
        assert registry.get_sample_value("slatestream_http_requests_total", labels) == 2


def test_a_process_that_ends_closes_connections_after_their_answer(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def visit(client: Any) -> None:
        assert "Connection" not in (await client.get("/healthz")).headers
        site.api.door.closing = True
        assert (await client.get("/healthz")).headers["Connection"] == "close"

    site.run(visit)
