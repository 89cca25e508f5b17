"""Items: the one check of a record of `items`, for all who read them. What it refuses is a dead
letter, and is shown and embedded nowhere.
"""

from streams.contract.events import EventError, Item, check_size, decode_item


def read_item(key: bytes | None, value: bytes | None, max_bytes: int) -> tuple[str, Item | None]:
    """The id and the item of a record; no item where the record withdraws it.

    Raises
    ------
    EventError
        For a value that is no item or too long, and a key that is not the item's id.
    """
    if not key:
        msg = "expected the item's id as key, found none"
        raise EventError(msg)
    if value is None:
        return key.decode(errors="replace"), None
    check_size(value, max_bytes)
    item = decode_item(value)
    if item.item_id.encode() != key:
        msg = f"expected the key to be the item's id {item.item_id!r}, found {key[:100]!r}"
        raise EventError(msg)
    return item.item_id, item
