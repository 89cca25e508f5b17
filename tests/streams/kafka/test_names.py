"""Names that Faust, the store and the commands must agree on."""

from __future__ import annotations

from streams.config import load_settings
from streams.kafka.names import app_id, changelog_topics


def test_the_prefix_stands_before_the_group_so_that_two_prefixes_share_nothing() -> None:
    found = load_settings({"SLATESTREAM_TOPIC_PREFIX": "shop.", "SLATESTREAM_GROUP": "g"})
    assert app_id(found) == "shop.g"
    assert changelog_topics(found) == ("shop.g-counts-changelog", "shop.g-slates-changelog")
