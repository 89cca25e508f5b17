"""The dashboard in a browser, on a worker that counts while it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Shop, Visitors

pytestmark = pytest.mark.local
VIEWS = (
    "Health",
    "Funnel",
    "Learning",
    "Segments",
    "Slates",
    "Releases",
    "Dead letters",
    "Settings",
    "Audit",
)
LARGEST_FIRST_LOAD = 150_000
DESKTOP, PHONE = {"width": 1200, "height": 800}, {"width": 390, "height": 844}


class Sight:
    """A page, and what it complained of."""

    def __init__(self, page: Any, shop: Shop) -> None:
        self.page = page
        self.shop = shop
        self.complaints: list[str] = []
        self.bytes = 0
        self.hosts: set[str] = set()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", self._response)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _response(self, response: Any) -> None:
        self.hosts.add(response.url.split("/")[2])

    def go(self, view: str, heading: str) -> None:
        self.page.goto(f"{self.shop.address}/#/{view}")
        self.page.get_by_role("heading", level=1, name=heading, exact=True).wait_for()
        # a function, not a text to evaluate: the page's own policy forbids that
        self.page.wait_for_function(
            "() => !document.querySelector('main').textContent.includes('Loading')"
        )


@pytest.fixture
def sight(browser: Any, shop: Shop) -> Iterator[Sight]:
    context = shop.context(browser, viewport=DESKTOP)
    context.set_default_timeout(15_000)
    found = Sight(context.new_page(), shop)
    yield found
    context.close()
    assert found.complaints == []


def test_numbers_move_while_events_flow(sight: Sight) -> None:
    sight.go("health", "Health")
    counter = sight.page.locator("#impressions")

    def impressions() -> int:
        return int(counter.inner_text().replace(",", ""))

    before = impressions()
    with Visitors(sight.shop):
        sight.page.wait_for_function(
            "before => +document.querySelector('#impressions').textContent.replaceAll(',', '')"
            " > before + 20",
            arg=before,
        )
        sight.page.locator("figure svg[role=img]").wait_for()
    assert sight.hosts == {sight.shop.address.split("/")[2]}


def test_every_view_opens_by_keyboard_alone(sight: Sight) -> None:
    sight.go("audit", "Audit")
    page = sight.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    for view in VIEWS:
        page.evaluate("document.activeElement.blur()")
        page.locator(".skip").focus()
        for _ in range(len(VIEWS) + 1):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == view:
                break
        page.keyboard.press("Enter")
        page.get_by_role("heading", level=1, name=view, exact=True).wait_for()
        assert page.evaluate("document.activeElement.id") == "main"
        assert page.title().startswith(view)
        current = page.locator("nav [aria-current=page]").all_inner_texts()
        assert current == [view]


def test_a_segment_an_item_and_a_slate_are_reached_from_each_other(sight: Sight) -> None:
    page = sight.page
    sight.go("segments", "Segments")
    page.get_by_role("link", name="shop").click()
    page.get_by_role("heading", level=1, name="Segment shop").wait_for()
    page.get_by_role("link", name="Green tea").click()
    page.get_by_role("heading", level=1, name="Item item-1").wait_for()
    page.locator("dd", has_text="Green tea").wait_for()
    sight.go("slates", "Slates")
    # a slate of the holdback has no draws
    page.locator("tbody tr", has=page.get_by_role("cell", name="base")).locator(
        "th a"
    ).first.click()
    page.get_by_role("columnheader", name="thompson", exact=True).wait_for()
    assert page.get_by_role("columnheader", name="Propensity").is_visible()


def test_a_dead_letter_is_read_by_keyboard(sight: Sight) -> None:
    sight.shop.worker.produce("clicks", "anna", b'{"slate_id": "s", "oops": ')
    sight.go("dead-letters", "Dead letters")
    summary = sight.page.locator("summary").first
    summary.wait_for()
    assert "broken JSON" in summary.inner_text()
    summary.focus()
    sight.page.keyboard.press("Enter")
    assert sight.page.get_by_text('{"slate_id": "s", "oops":').is_visible()
    # it stays open while the view is drawn again
    sight.page.evaluate("dispatchEvent(new Event('resize'))")
    assert sight.page.get_by_text('{"slate_id": "s", "oops":').is_visible()


def test_variants_stand_beside_each_other_with_their_lift(sight: Sight) -> None:
    sight.go("learning", "Learning")
    variants = sight.page.get_by_role("region", name="Variants", exact=True)
    variants.get_by_role("rowheader", name="control (holdback)").wait_for()
    lift = sight.page.get_by_role("region", name="Rates, and lift over control")
    lift.get_by_role("cell", name="Clicks per slate").first.wait_for()
    sight.page.get_by_role("link", name="By slates").click()
    sight.page.get_by_text("Intervals take slates for independent").wait_for()


def test_the_token_is_asked_for_once(browser: Any, shop: Shop) -> None:
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(f"{shop.address}/#/segments")
    page.get_by_label("Token", exact=True).fill("wrong")
    page.get_by_role("button", name="Go on").click()
    page.locator(".error", has_text="SLATESTREAM_HTTP_TOKEN").wait_for()
    page.get_by_label("Token", exact=True).fill(shop.token)
    page.get_by_label("Token", exact=True).press("Enter")
    page.get_by_role("link", name="shop").wait_for()
    page.reload()
    page.get_by_role("link", name="shop").wait_for()
    page.goto(f"{shop.address}/#/health")
    page.locator("#impressions").wait_for()
    page.get_by_role("button", name="Forget the token").click()
    page.get_by_label("Token", exact=True).wait_for()
    assert page.evaluate("[sessionStorage.length, localStorage.length]") == [0, 0]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(sight: Sight, scheme: str) -> None:
    spec = find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed (requirements-tools.txt)")
    axe = (Path(spec.origin).parent / "axe.min.js").read_text()
    sight.page.emulate_media(color_scheme=scheme)
    for view in VIEWS:
        sight.go(view.lower().replace(" ", "-"), view)
        sight.page.wait_for_timeout(300)
        sight.page.evaluate(axe + "; 0")
        found = sight.page.evaluate("axe.run()")
        assert [
            (view, each["id"], [node["html"] for node in each["nodes"]][:2])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ] == []


def test_the_first_load_is_small_and_a_phone_needs_no_sideways_scroll(
    browser: Any, shop: Shop
) -> None:
    context = shop.context(browser, viewport=PHONE, device_scale_factor=2)
    page = context.new_page()
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(_size(answer)))
    page.goto(f"{shop.address}/")
    page.get_by_role("heading", level=1, name="Health").wait_for()
    page.locator("#impressions").wait_for()
    assert sum(sizes) <= LARGEST_FIRST_LOAD
    for view in VIEWS:
        page.goto(f"{shop.address}/#/{view.lower().replace(' ', '-')}")
        page.get_by_role("heading", level=1, name=view, exact=True).wait_for()
        page.wait_for_timeout(200)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], view
    context.close()


def _size(answer: Any) -> int:
    return 0 if answer.url.endswith("/v1/live") else len(answer.body())
