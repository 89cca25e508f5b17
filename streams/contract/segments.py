"""Segments by context: the name of the segment that an event's context makes, where nobody named
one.
"""

from collections.abc import Sequence

from streams.contract.events import Context

DEFAULT_SEGMENT = "default"


def context_segment(context: Context | None, fields: Sequence[str]) -> str:
    """The segment that the configured context fields make: `a=1,b=x`; `default` where there is
    none.

    >>> context_segment({"age": "25-34", "gender": "F", "n": 1}, ("age", "gender"))
    'age=25-34,gender=F'
    """
    if not context or not fields:
        return DEFAULT_SEGMENT
    parts = [f"{field}={_plain(context[field])}" for field in fields if field in context]
    return ",".join(parts) or DEFAULT_SEGMENT


def _plain(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}"
