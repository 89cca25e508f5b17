"""`slatestream request --explain`: a slate over HTTP, with the sums of its scores, what could not
be in it, and whether the same request gets it again.
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import msgspec
from rich.table import Table

from streams.commands import CommandError
from streams.commands.output import out
from streams.config import Settings
from streams.contract.events import SlateRequest, encode
from streams.contract.http import ServedSlate

EVERYWHERE = ("0.0.0.0", "::", "")  # a listener's addresses, not a caller's
REPLAYS = {
    "same": "The same request of the same counts gets the same slate.",
    "newer": "Counts, items or encoder have changed since: it need not be the same now.",
    "other": "Another slate comes of the same counts: the user has clicked since.",
}
_decode = msgspec.json.Decoder(ServedSlate).decode


def explain(settings: Settings, wanted: SlateRequest, timeout_s: float, as_json: bool) -> None:
    """Ask, look the slate up, print both.

    Raises
    ------
    CommandError
        Where no serving process answers, or it refuses.
    """
    _call(settings, "/v1/slates", timeout_s, encode(wanted))
    name = urllib.parse.quote(wanted.request_id, safe="")
    body = _call(settings, f"/v1/slates/{name}", timeout_s)
    if as_json:
        sys.stdout.write(body.decode() + "\n")
        return
    served = _decode(body)
    out().print(terms_table(served))
    out().print(f"{served.eligible:,} items are eligible; {REPLAYS[served.replay]}")
    for each in served.filtered:
        out().print(f"{each.items:,} are not: {each.reason} ({', '.join(each.some)})", markup=False)


def terms_table(served: ServedSlate) -> Table:
    """Scores as the sums that they are, and the parts behind them."""
    slate = served.slate
    head = (
        f"segment {slate.segment}, variant {slate.variant}, policy {slate.policy} "
        f"({slate.policy_version}), encoder {slate.encoder or 'none'}"
    )
    made = Table(title=head, title_justify="left", box=None)
    for column in ("#", "score", "propensity"):
        made.add_column(column, justify="right")
    for column in ("item", "score is", "why"):
        made.add_column(column)
    for item, own in zip(slate.items, served.terms, strict=True):
        sums = " + ".join(f"{value:.4f} {name}" for name, value in own.terms.items())
        why = ", ".join(f"{name} {value:.4g}" for name, value in item.why.items())
        made.add_row(
            str(item.position),
            f"{item.score:.4f}",
            f"{item.propensity:.4f}",
            item.item_id,
            sums or "chosen by no score",
            why,
        )
    return made


def _call(settings: Settings, path: str, timeout_s: float, body: bytes | None = None) -> bytes:
    host = "127.0.0.1" if settings.http_host in EVERYWHERE else settings.http_host
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"
    headers = {"Content-Type": "application/json"}
    if settings.http_token:
        headers["Authorization"] = f"Bearer {settings.http_token}"
    try:
        request = urllib.request.Request(url + path, body, headers)
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            found: bytes = answer.read()
            return found
    except urllib.error.HTTPError as error:
        with error:
            raise CommandError(_reason(error)) from None
    except OSError as error:
        msg = (
            f"expected a serving process at {url}, found none ({error}); start one (`slatestream "
            "worker`), or set SLATESTREAM_HTTP_HOST and SLATESTREAM_HTTP_PORT to where it listens"
        )
        raise CommandError(msg) from None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        found: Any = json.loads(error.read())
        return str(found["error"])
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}"
