"""A slate explained: its sums give its scores, and the same request gets it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bandits.slates.config import DEFAULT
from bandits.slates.config_file import parse_config
from streams.contract.events import encode
from tests.streams.serving.http.site import Site
from tests.streams.serving.world import ITEMS, World, request

POLICIES = {
    "as shipped": "",
    "rrf": 'combiner = "rrf"',
    "pareto": 'combiner = "pareto"\n[objectives]\nclick = 1\nfreshness = 1',
    "team draft": 'combiner = "team_draft"',
    "objectives": "[objectives]\nclick = 2\nfreshness = 1\nvalue = 1",
}
ASKED = {
    "user_id": "u",
    "request_id": "r",
    "segment": "x",
    "k": 5,
    "exclude": [ITEMS[3]],
    "pin": [{"item_id": ITEMS[7], "position": 1}],
}


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
def test_the_sum_gives_the_score_and_the_same_request_gets_the_same_slate(
    tmp_path: Path, text: str
) -> None:
    site = Site(tmp_path, World(tmp_path, parse_config(text) if text else DEFAULT).fill())

    async def visit(client: Any) -> None:
        slate = await (await client.post("/v1/slates", json=ASKED)).json()
        found = await (await client.get("/v1/slates/r")).json()
        assert found["slate"] == slate
        assert found["replay"] == "same"
        assert [each["item_id"] for each in found["terms"]] == [
            item["item_id"] for item in slate["items"]
        ]
        for item, own in zip(slate["items"], found["terms"], strict=True):
            assert own["sum"] == pytest.approx(item["score"], abs=1e-9)
            assert bool(own["terms"]) == ("pinned" not in item["why"])
        assert found["request"]["exclude"] == [ITEMS[3]]
        assert found["eligible"] == len(ITEMS) - 1
        assert found["filtered"] == [{"reason": "excluded", "items": 1, "some": [ITEMS[3]]}]
        site.world.count("x", ITEMS[1], 2000.0, 1500.0)
        site.world.turn(60.0)
        found = await (await client.get("/v1/slates/r")).json()
        assert (found["slate"], found["replay"]) == (slate, "newer")

    site.run(visit)


def test_of_the_same_state_every_replay_is_the_same(tmp_path: Path) -> None:
    world = World(tmp_path).fill()
    for number in range(50):
        asked = request(f"r{number}", segment="x", k=6)
        first, again = world.ask(asked), world.ask(asked)
        assert encode(first) == encode(again)
