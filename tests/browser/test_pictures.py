"""The pictures of docs/img: written where PICTURES says, and otherwise only taken, which holds that
each view can be drawn, light and dark, on a desktop and on a phone.

    PICTURES=docs/img python -m pytest tests/browser/test_pictures.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Shop, Visitors

pytestmark = pytest.mark.local
DESKTOP, PHONE = {"width": 1100, "height": 720}, {"width": 390, "height": 760}
PICTURES = (  # name, view, scheme, size
    ("health-light", "health", "light", DESKTOP),
    ("segment-dark", "segment/shop", "dark", DESKTOP),
    ("learning-light", "learning", "light", DESKTOP),
    ("funnel-phone-dark", "funnel", "dark", PHONE),
    ("health-phone-light", "health", "light", PHONE),
)
LARGEST_BYTES = 120_000


def test_each_view_is_drawn_in_light_and_dark(browser: Any, shop: Shop, tmp_path: Path) -> None:
    directory = Path(os.environ.get("PICTURES", tmp_path))
    directory.mkdir(parents=True, exist_ok=True)
    contexts = {
        (scheme, size["width"]): shop.context(browser, color_scheme=scheme, viewport=size)
        for _name, _view, scheme, size in PICTURES
    }
    pages = {
        name: contexts[scheme, size["width"]].new_page() for name, _view, scheme, size in PICTURES
    }
    with Visitors(shop):
        for name, view, _scheme, _size in PICTURES:
            pages[name].goto(f"{shop.address}/#/{view}")
        pages["health-light"].wait_for_timeout(float(os.environ.get("PICTURES_S", "3")) * 1000)
    colours = set()
    for name, _view, scheme, _size in PICTURES:
        file = directory / f"{name}.png"
        pages[name].locator("table, figure").first.wait_for()
        pages[name].screenshot(path=file)
        colours.add((scheme, pages[name].evaluate("getComputedStyle(document.body).color")))
        assert file.stat().st_size < LARGEST_BYTES
    assert len(colours) == 2
    for context in contexts.values():
        context.close()
