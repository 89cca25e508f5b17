"""schemathesis on a running worker: whatever fits the OpenAPI document, and whatever does not, gets
an answer that the document foresees, and never a fault of the server.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.streams.client.conftest import TOKEN
from tests.streams.worker_process import WorkerProcess

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed (extra `dev`)"
)
pytestmark = pytest.mark.local
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 10  # of each operation and kind
STREAMS = {"/v1/live"}  # an answer without an end


@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_every_answer_is_one_that_the_document_foresees(
    kind: str, worker: WorkerProcess, document: dict[str, Any]
) -> None:
    known, mode = schemathesis.checks, schemathesis.GenerationMode(kind)
    checks = [
        known.not_a_server_error,
        known.status_code_conformance,
        known.content_type_conformance,
        known.response_schema_conformance,
    ]
    schema = schemathesis.openapi.from_dict(document)
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in STREAMS:
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers(case: Any) -> None:
            response = case.call(base_url=f"http://127.0.0.1:{worker.port}", headers=BEARER)
            case.validate_response(response, checks=checks)

        if kind == "negative" and not _can_be_wrong(operation):
            continue
        answers()
        tried.append((operation.method, operation.path))
    assert len(tried) > 3
    if kind == "positive":
        paths = {(m.upper(), path) for path, ms in document["paths"].items() for m in ms}
        assert {(m.upper(), path) for m, path in tried} == {p for p in paths if p[1] not in STREAMS}


def _can_be_wrong(operation: Any) -> bool:
    return bool(operation.body or operation.query)
