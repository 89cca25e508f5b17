"""Checks of what a type cannot say: the size of a value, and times."""

import datetime

from streams.contract.decoding import EventError

# the year 2000: what is before it is a clock that was never set, or another unit
FIRST_SECOND = 946_684_800.0
# the end of the year 9999; `check_time` holds events against the clock
LAST_SECOND = 253_402_300_799.0


def check_size(value: bytes | None, max_bytes: int) -> None:
    """Raise `EventError` for a value that is too long to be decoded."""
    if value is not None and len(value) > max_bytes:
        msg = (
            f"expected at most {max_bytes} bytes, found {len(value)}; see "
            "SLATESTREAM_MAX_EVENT_BYTES"
        )
        raise EventError(msg)


def seconds(time: float | datetime.datetime) -> float:
    """Seconds since the epoch, whichever way the event said it.

    Raises
    ------
    EventError
        For a date before the year 2000.
    """
    if type(time) is float:
        return time
    found_s: float = time.timestamp()  # type: ignore[union-attr]
    if found_s < FIRST_SECOND:
        msg = f"field `ts`: expected a time from 2000-01-01 on, found {time}"
        raise EventError(msg)
    return found_s


def check_time(time_s: float, latest_s: float) -> None:
    """Raise `EventError` for a time that the clock has not nearly reached."""
    if time_s > latest_s:
        msg = (
            f"field `ts`: expected a time up to {latest_s:.0f} (see SLATESTREAM_MAX_AHEAD_S), "
            f"found {time_s:.0f}; are these milliseconds, or is a clock wrong?"
        )
        raise EventError(msg)
