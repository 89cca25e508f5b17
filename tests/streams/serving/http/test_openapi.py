"""The OpenAPI document: every endpoint stands in it, and answers are as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.streams.serving.http.site import Site

DOCS = (Path(__file__).parents[4] / "docs" / "http.md").read_text()


def test_every_endpoint_stands_in_the_document_and_in_the_docs(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def visit(client: Any) -> None:
        document = await (await client.get("/v1/openapi.json")).json()
        assert document["openapi"] == "3.1.0"
        found = {
            (method.upper(), path) for path, item in document["paths"].items() for method in item
        }
        assert found == {(each.method, each.path) for each in site.api.endpoints}
        names = [
            each["operationId"] for item in document["paths"].values() for each in item.values()
        ]
        assert len(names) == len(set(names))
        for method, path in found:
            assert f"`{method} {path}`" in DOCS, path

    site.run(visit)


def test_every_reference_of_the_document_leads_somewhere(tmp_path: Path) -> None:
    async def visit(client: Any) -> None:
        text = await (await client.get("/v1/openapi.json")).text()
        document = await (await client.get("/v1/openapi.json")).json()
        names = set(re.findall(r"#/components/schemas/(\w+)", text))
        assert names <= set(document["components"]["schemas"])
        for schema in document["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)

    Site(tmp_path).run(visit)


def test_answers_are_as_the_document_says(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def visit(client: Any) -> None:
        document = await (await client.get("/v1/openapi.json")).json()

        async def check(method: str, path: str, template: str, **rest: Any) -> None:
            answer = await client.request(method, path, **rest)
            said = document["paths"][template][method.lower()]["responses"][str(answer.status)]
            schema = said["content"][answer.content_type]["schema"]
            Draft202012Validator({**schema, "components": document["components"]}).validate(
                await answer.json()
            )

        asked = {"user_id": "u", "request_id": "r"}
        await check("POST", "/v1/slates", "/v1/slates", json=asked)
        await check("POST", "/v1/slates?explain=true", "/v1/slates", json=asked)
        await check("POST", "/v1/slates", "/v1/slates", json={})
        await check("POST", "/v1/slates:batch", "/v1/slates:batch", json=[asked, {}])
        await check("POST", "/v1/events", "/v1/events", data=b"{}\n")
        await check("GET", "/v1/slates/r", "/v1/slates/{slate_id}")
        await check("GET", "/v1/slates/s", "/v1/slates/{slate_id}")
        await check("GET", "/v1/segments", "/v1/segments")
        await check("GET", "/v1/segments?limit=0", "/v1/segments")
        await check("GET", "/v1/segments/x/items", "/v1/segments/{segment}/items")
        await check("GET", "/v1/items/item-3", "/v1/items/{item_id}")
        for path in (
            "/v1/health",
            "/v1/releases",
            "/v1/slates",
            "/v1/settings",
            "/v1/settings/segments",
            "/v1/changes",
        ):
            await check("GET", path, path)

    site.run(visit)


def test_a_token_is_asked_for_in_the_document_where_there_is_one(tmp_path: Path) -> None:
    for environ in ({}, {"SLATESTREAM_HTTP_TOKEN": "t"}):

        async def visit(client: Any, secured: bool = bool(environ)) -> None:
            headers = {"Authorization": "Bearer t"}
            answer = await client.get("/v1/openapi.json", headers=headers)
            paths = (await answer.json())["paths"]
            assert "security" not in paths.pop("/v1/client.js")["get"]
            for item in paths.values():
                assert all(("security" in each) == secured for each in item.values())

        Site(tmp_path, **environ).run(visit)


def test_what_may_be_left_out_over_http_is_not_required_there(tmp_path: Path) -> None:
    async def visit(client: Any) -> None:
        document = await (await client.get("/v1/openapi.json")).json()
        schemas = document["components"]["schemas"]
        assert schemas["SlateRequestOverHTTP"]["required"] == ["user_id"]
        asked = {"$ref": "#/components/schemas/SlateRequestOverHTTP"}
        check = Draft202012Validator({**asked, "components": document["components"]})
        nothing = dict.fromkeys(schemas["SlateRequestOverHTTP"]["properties"])
        check.validate({**nothing, "user_id": "u"})
        assert (await client.post("/v1/slates", json={**nothing, "user_id": "u"})).status == 200

    Site(tmp_path).run(visit)
