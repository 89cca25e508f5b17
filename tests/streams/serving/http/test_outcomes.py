"""GET /v1/outcomes, and its alarms in health."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streams.contract.health import Finding
from streams.contract.outcome_rows import (
    SLATES_KIND,
    OutcomeKey,
    encode_outcome,
    encode_outcome_key,
)
from tests.streams.serving.http.site import Site


def test_outcomes_are_told_with_the_options_that_were_asked_for(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def visit(client: Any) -> None:
        page = await (await client.get("/v1/outcomes")).json()
        assert (page["control"], page["unit"], page["sequential"]) == ("base", "users", False)
        assert [each["variant"] for each in page["variants"]] == ["base"]
        hour = int(page["ts"] // 3600)
        sums = [9.0, 8.0, 2.0, 24.0, 3.0, 0.0, 0.0, 72.0, 5.0, 0.0, 0.0, 9.0]
        key = encode_outcome_key(OutcomeKey(SLATES_KIND, hour, ("base", "p", 0)))
        site.world.builder.outcomes.put(0, key, encode_outcome(sums))
        answer = await client.get("/v1/outcomes?unit=slates&sequential=true&hours=1")
        page = await answer.json()
        assert (page["unit"], page["sequential"]) == ("slates", True)
        assert page["since"] == hour * 3600.0
        (row,) = page["hours"]
        assert (row["offered"], row["seen"], row["clicks"]) == (9, 8, 3)
        assert page["variants"][0]["seen"] == 8
        for wrong in ("unit=users,slates", "hours=0", "sequential=perhaps"):
            assert (await client.get(f"/v1/outcomes?{wrong}")).status == 400

    site.run(visit)


def test_alarms_of_outcomes_are_findings_of_health(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.outcomes.findings = [Finding("balance-seen", "alarm", "Not alike", "Text.", "Do.")]

    async def visit(client: Any) -> None:
        health = await (await client.get("/v1/health")).json()
        assert "balance-seen" in [each["code"] for each in health["findings"]]

    site.run(visit)
