"""OpenAPI: the document (3.1), made from the endpoints and the types that decode and encode."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

import streams
from streams.contract.http import Problem
from streams.serving.http import problems
from streams.serving.http.access import Access
from streams.serving.http.endpoint import JSON_LINES, Endpoint, Parameter

REF = "#/components/schemas/{name}"
ALWAYS = (400, 401, 413, 429)
SAID = {
    400: "something in the request cannot be used",
    401: "no token that suffices, or an origin that is not allowed",
    404: "it is not here",
    413: "the body is too large",
    429: "too many requests from this address",
    503: "not now; try again after `Retry-After`",
}


def document(endpoints: Sequence[Endpoint], secured: bool) -> dict[str, Any]:
    """The document as JSON's types; `secured`: the process asks for tokens."""
    types = list(dict.fromkeys(_types(endpoints)))
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    by_type = dict(zip(map(str, types), schemas, strict=True))
    paths: dict[str, Any] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = operation = _operation(
            each, by_type, components
        )
        if secured and each.access > Access.NOTHING:
            operation["security"] = [{"bearer": []}]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "slatestream",
            "version": streams.__version__,
            "description": "Slates that learn from clicks within seconds; see docs/http.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _types(endpoints: Iterable[Endpoint]) -> Iterable[Any]:
    yield Problem
    for each in endpoints:
        if each.answer is not None:
            yield each.answer
        yield from (each.body or {}).values()
        yield from (parameter.type for parameter in each.parameters)


def _operation(
    endpoint: Endpoint, by_type: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    good: dict[str, Any] = {"description": endpoint.summary}
    schema = {"type": "object"} if endpoint.answer is None else by_type[str(endpoint.answer)]
    good["content"] = {endpoint.kind: {"schema": schema}}
    responses = {str(endpoint.status): good}
    for status in sorted({*ALWAYS, *endpoint.problems}):
        responses[str(status)] = {
            "description": SAID[status],
            "content": {problems.CONTENT_TYPE: {"schema": by_type[str(Problem)]}},
        }
    operation: dict[str, Any] = {
        "operationId": _name(endpoint),
        "summary": endpoint.summary,
        "responses": responses,
    }
    if endpoint.parameters:
        operation["parameters"] = [_parameter(each, by_type) for each in endpoint.parameters]
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {
                kind: {"schema": _body(kind, type_, endpoint, by_type, components)}
                for kind, type_ in endpoint.body.items()
            },
        }
    return operation


def _body(
    kind: str, type_: Any, endpoint: Endpoint, by_type: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    """The schema of a body; what may be left out here is not required here."""
    if kind == JSON_LINES:
        # a text of several values has no schema of its own in OpenAPI 3.1
        return {"type": "string", "description": f"one {type_.__name__} a line"}
    schema: dict[str, Any] = by_type[str(type_)]
    if not endpoint.optional:
        return schema
    inner = schema.get("items", schema)
    name = inner["$ref"].rpartition("/")[2]
    loose = dict(components[name])
    loose["required"] = [each for each in loose["required"] if each not in endpoint.optional]
    loose["properties"] = {
        field: found if field in loose["required"] else _or_null(found)
        for field, found in loose["properties"].items()
    }
    components[f"{name}OverHTTP"] = loose | {"title": f"{name}OverHTTP"}
    ref = {"$ref": REF.format(name=f"{name}OverHTTP")}
    return schema | {"items": ref, "minItems": 1, "maxItems": 100} if "items" in schema else ref


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Null is as good as an absent field."""
    choices = schema.get("anyOf", [schema])
    return schema if {"type": "null"} in choices else {"anyOf": [*choices, {"type": "null"}]}


def _parameter(parameter: Parameter, by_type: dict[str, Any]) -> dict[str, Any]:
    schema = dict(by_type[str(parameter.type)])
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.place == "path":
        schema["minLength"] = 1
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.help,
        "schema": schema,
    }


def _name(endpoint: Endpoint) -> str:
    words = re.findall(r"[a-z]+", endpoint.path.removeprefix("/v1"))
    return endpoint.method.lower() + "".join(word.title() for word in words)
