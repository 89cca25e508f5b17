"""The ES module for pages, on a page of another origin: what is seen and clicked is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.browser.conftest import PUBLIC, Shop

pytestmark = pytest.mark.local
LARGEST_BYTES = 5_000
SEGMENT = "pages"
PAGE = """<!doctype html><title>shop</title><style>a {{ display: block; height: 90vh }}</style>
<script type="module">
  import {{ Slatestream }} from "{address}/v1/client.js";
  const shop = new Slatestream({{ user: "page-user", token: "{token}" }});
  const slate = await shop.ask({{ k: 3, segment: "{segment}", fields: ["title"] }});
  for (const item of slate.items) {{
    const card = document.createElement("a");
    card.href = "#" + item.item_id;
    card.textContent = item.fields.title;
    document.body.append(card);
    shop.show(card, slate, item);
  }}
</script>"""


def counted(shop: Shop) -> tuple[float, float]:
    rows = shop.call("/v1/segments?limit=1000")["segments"]
    found = [row for row in rows if row["segment"] == SEGMENT]
    return (found[0]["impressions"], found[0]["clicks"]) if found else (0, 0)


def wait_counted(shop: Shop, wanted: tuple[float, float]) -> None:
    end = time.monotonic() + 20
    while counted(shop) != wanted:
        assert time.monotonic() < end, counted(shop)
        time.sleep(0.1)


@pytest.fixture
def page_elsewhere(shop: Shop) -> Iterator[str]:
    """The address of a page on a server of its own."""
    body = PAGE.format(address=shop.address, segment=SEGMENT, token=PUBLIC).encode()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    origin = shop.worker.environ["SLATESTREAM_HTTP_CORS_ORIGINS"]
    server = ThreadingHTTPServer(("127.0.0.1", int(origin.rpartition(":")[2])), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"{origin}/"
    server.shutdown()
    server.server_close()


def test_items_in_view_are_seen_once_and_clicks_outlive_the_page(
    browser: Any, shop: Shop, page_elsewhere: str
) -> None:
    page = browser.new_page(viewport={"width": 800, "height": 600})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: message.type == "error" and complaints.append(message.text),
    )
    sizes: list[int] = []
    page.on(
        "response",
        lambda answer: answer.url.endswith("client.js") and sizes.append(len(answer.body())),
    )
    page.goto(page_elsewhere)
    page.locator("a").nth(2).wait_for(timeout=15_000)
    assert 0 < sizes[0] < LARGEST_BYTES
    wait_counted(shop, (1, 0))  # the second and third are below what is in view
    page.locator("a").nth(1).scroll_into_view_if_needed()
    wait_counted(shop, (2, 0))
    page.locator("a").first.click()
    page.locator("a").first.click()
    page.close()  # the click has gone by a beacon
    wait_counted(shop, (2, 1))
    assert complaints == []
