"""The text of an item that the encoder reads, and its fingerprint.

    text = title. category. brand. price p. tags. text.

The same function serves training, the batch that embeds a catalogue and the worker that embeds an
item on arrival: a vector means the same wherever it was made. Fields that are absent leave nothing
behind, not even punctuation.
"""

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any

# A student reads at most some hundred tokens; what stands behind that costs time to split and hash
# and changes nothing.
MAX_CHARACTERS = 4_000


def item_text(item: Mapping[str, Any]) -> str:
    """One line of text for an item of the topic `items`.

    Prices are rounded to two significant digits, because a model of words reads 19.90 and 19.95 as
    different things.

    Parameters
    ----------
    item
        mapping with any of `title`, `category`, `brand`, `price`, `tags`, `text`, and `item_id`.

    Returns
    -------
    Normalised (NFC) text without line breaks, at most `MAX_CHARACTERS` long. An item that says
    nothing of itself is called by its id, so that the text is never empty as long as there is an
    id.

    Examples
    --------
    >>> mug = {"item_id": "1", "title": "Blue mug", "category": "kitchen"}
    >>> item_text(mug | {"price": 12.49, "tags": ["mug", "blue"]})
    'Blue mug. kitchen. price 12. mug, blue.'
    >>> item_text({"item_id": "sku-7"})
    'sku-7'

    """
    tags = item.get("tags") or ()
    price = item.get("price")
    parts = [
        _clean(item.get("title")),
        _clean(item.get("category")),
        _clean(item.get("brand")),
        "" if price is None else f"price {_two_digits(float(price))}",
        ", ".join(tag for tag in map(_clean, tags) if tag),
        _clean(item.get("text")),
    ]
    said = ". ".join(part.rstrip(".") for part in parts if part)
    return f"{said}."[:MAX_CHARACTERS] if said else _clean(item.get("item_id"))


def text_hash(text: str) -> str:
    """Fingerprint of a text: the first 16 hex digits of SHA-256 (64 bits)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _clean(value: object) -> str:
    """Text in composed form, runs of white space and control characters made one blank."""
    if value is None:
        return ""
    composed = unicodedata.normalize("NFC", str(value)[:MAX_CHARACTERS])
    printable = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in composed)
    return " ".join(printable.split())


def _two_digits(price: float) -> str:
    """12.49 -> 12, 1234 -> 1200, 0.996 -> 1, 3.21 -> 3.2: plain digits, never an exponent."""
    rounded = float(f"{price:.1e}")
    return f"{rounded:.10f}".rstrip("0").rstrip(".")
