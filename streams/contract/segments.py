"""Segments by context: what an event's context makes, where nobody named a segment.

    field=value,field=value     in the order of the settings; `default` where there is none of them

Whole numbers are written without exponent and equal to the same text; different values make
different names: `%`, `,` and `=` in a value are written as `%25`, `%2C` and `%3D`.
"""

from collections.abc import Sequence
from typing import Any

from streams.contract.events import Context, EventError

DEFAULT_SEGMENT = "default"
OTHER_SEGMENT = "other"  # of events whose own is beyond SLATESTREAM_MAX_SEGMENTS
_ESCAPES = str.maketrans({"%": "%25", ",": "%2C", "=": "%3D"})


def context_segment(context: Context | None, fields: Sequence[str]) -> str:
    """The segment that the configured context fields make.

    Raises
    ------
    EventError
        For a list or an object in one of the fields.

    >>> context_segment({"age": "25-34", "gender": "F", "n": 1}, ("age", "gender"))
    'age=25-34,gender=F'
    >>> context_segment({"store": 1234567.0}, ("store",))
    'store=1234567'
    """
    if not context or not fields:
        return DEFAULT_SEGMENT
    parts = [
        f"{field}={_text(field, context[field])}"
        for field in fields
        if context.get(field) is not None
    ]
    return ",".join(parts) or DEFAULT_SEGMENT


def _text(field: str, value: Any) -> str:
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        return str(value)
    kind = "a list" if isinstance(value, list) else "an object"
    msg = f"field `context.{field}`: expected text, a number or a truth value, found {kind}"
    raise EventError(msg)
