"""The rows that the recovery benchmark restores: counts of 1,000 segments, the same for
everybody.
"""

from __future__ import annotations

from streams.contract.count_rows import CountRow, encode_count, encode_count_key

SEGMENTS = 1000


def row(number: int) -> tuple[bytes, bytes]:
    """Key and value of row `number`."""
    counts = CountRow()
    counts.impressions, counts.clicks, counts.value, counts.examined = (
        float(number),
        float(number // 10),
        float(number // 10),
        number / 2,
    )
    return encode_count_key(
        f"segment-{number % SEGMENTS}", f"item-{number // SEGMENTS}"
    ), encode_count(counts)
