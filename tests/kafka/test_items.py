"""Items that are refused are nowhere: one dead letter each, never shown, never embedded, with a
worker, a serving process and a release in force.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from encoder.release.publish import Judged, publish
from encoder.release.shelf import Shelf
from encoder.serving.text import item_text
from encoder.serving.wire import Thresholds
from tests.encoder.making import static_artifact
from tests.kafka.fleet import Fleet, wait_for
from tests.kafka.test_serving import Shop

pytestmark = pytest.mark.kafka

SHOWN = [{"item_id": f"good-{number}", "title": "red shoe"} for number in range(3)]
LARGEST = 2_000  # bytes
# key -> value, words of the reason
REFUSED = {
    b"other-case": ({"item_id": "Other-Case", "title": "red shoe"}, "to be the item's id"),
    b'"quoted"': ({"item_id": "quoted", "title": "red shoe"}, "to be the item's id"),
    b"\x00\x00\x00\x00\x07\x0aavro": ({"item_id": "avro", "title": "red shoe"}, "item's id"),
    b"long": ({"item_id": "long", "title": "red " * LARGEST}, "bytes"),
}
EMBEDDING_S = 4.0  # several turns of the item embedder


def shown(port: int, number: int) -> set[str]:
    """Ids of a slate that has room for all items there are."""
    asked = json.dumps({"request_id": f"r{number}", "user_id": "u", "k": 20}).encode()
    url = f"http://127.0.0.1:{port}/v1/slates"
    with urllib.request.urlopen(urllib.request.Request(url, asked), timeout=20) as answer:
        return {each["item_id"] for each in json.load(answer)["items"]}


def test_items_that_are_refused_are_dead_letters_and_nowhere_else(
    make_fleet: Callable[..., Fleet], tmp_path: Path
) -> None:
    fleet = make_fleet(
        1, 2, 1, SLATESTREAM_MAX_EVENT_BYTES=LARGEST, SLATESTREAM_RELEASES_DIR=tmp_path / "here"
    )
    names, shop = fleet.names, Shop(fleet)
    catalogue = {str(item["item_id"]): item_text(item) for item in SHOWN[:2]}
    shelf = Shelf(fleet.settings.kafka_client(), names, tmp_path / "published")
    judged = Judged({"ndcg@10": 0.3}, {}, Thresholds(drop={"ndcg@10": 0.1}))
    outcome = publish(static_artifact(tmp_path / "model"), catalogue, judged, shelf, time.time())
    assert outcome.release is not None, outcome.reasons
    for key, (value, _words) in REFUSED.items():
        shop.producer.produce(names.items, json.dumps(value).encode(), key)
    for item in SHOWN:
        shop.send("items", str(item["item_id"]), item)
    shop.flush()
    (worker,), (serving,) = fleet.workers, fleet.serving
    fleet.start(worker)
    fleet.serve(serving)
    wait_for("both to be ready", lambda: worker.ready() and serving.ready())
    expected = {str(item["item_id"]) for item in SHOWN}

    def embedded() -> Counter[bytes]:
        return Counter(record.key() for record in shop.records("item-embeddings", 1))

    wait_for("the new item to be embedded", lambda: b"good-2" in embedded())
    wait_for("all good items to be shown", lambda: shown(serving.port, time.time_ns()) >= expected)
    wait_for("the dead letters", lambda: len(shop.records("dead-letters", 1)) >= len(REFUSED))
    time.sleep(EMBEDDING_S)
    assert shown(serving.port, time.time_ns()) == expected
    assert embedded() == Counter(item.encode() for item in expected)  # once each
    letters = {
        each.key(): json.loads(each.value())["reason"] for each in shop.records("dead-letters", 1)
    }
    assert letters.keys() == REFUSED.keys()
    assert len(shop.records("dead-letters", 1)) == len(REFUSED)
    assert not [key for key, (_, words) in REFUSED.items() if words not in letters[key]]
