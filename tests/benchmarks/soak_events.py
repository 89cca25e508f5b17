"""Events of the soak: slates of five, 10% clicks, 1% conversions, with 1% duplicates and 5%
disorder, in event time that runs fast.

Totals are known while they are made: every click and conversion follows its impression well inside
the window, so all of them count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SLATE = 5
SEGMENTS, ITEMS, USERS = 20, 500, 20_000
EVENTS_PER_S = 700.0  # of event time
DUPLICATES, DISORDER = 0.01, 0.05
DELAY_S = 15.0  # of the events that come late, at most
BLOCK_SLATES = 20_000

Totals = NDArray[np.int64]  # (SEGMENTS, ITEMS, 3): impressions, clicks, conversions


class Block(NamedTuple):
    """Records in order of arrival: (is it feedback, key, value)."""

    records: list[tuple[bool, bytes, bytes]]


def blocks(events: int, base_s: float, rng: np.random.Generator, totals: Totals) -> Iterator[Block]:
    """About `events` events from `base_s` on; `totals` is added to as they are made."""
    made, first = 0, 0
    per_slate = SLATE * (1.0 + 0.1 + 0.01)
    while made < events:
        block = _block(first, base_s, EVENTS_PER_S / per_slate, rng, totals)
        made += len(block.records)
        first += BLOCK_SLATES
        yield block


def _block(
    first: int, base_s: float, slates_per_s: float, rng: np.random.Generator, totals: Totals
) -> Block:
    shape = BLOCK_SLATES, SLATE
    segment = np.repeat(rng.integers(SEGMENTS, size=BLOCK_SLATES), SLATE).reshape(shape)
    # (BLOCK_SLATES, SLATE), distinct in a slate
    item = (rng.integers(ITEMS, size=BLOCK_SLATES)[:, None] + 7 * np.arange(SLATE)) % ITEMS
    user = rng.integers(USERS, size=BLOCK_SLATES)
    clicked = rng.random(shape) < 0.1
    converted = rng.random(shape) < 0.01
    shown_s = base_s + (first + np.arange(BLOCK_SLATES)) / slates_per_s  # (BLOCK_SLATES,)
    after_s = rng.uniform(1.0, 30.0, size=shape)
    for column, counted in enumerate((np.ones(shape, dtype=bool), clicked, converted)):
        np.add.at(totals[:, :, column], (segment[counted], item[counted]), 1)

    arriving: list[tuple[float, bool, bytes, bytes]] = []
    for n in range(BLOCK_SLATES):
        name, key, at_s = f"s{first + n}", b"u%d" % user[n], float(shown_s[n])
        for position in range(SLATE):
            ids = f'"slate_id":"{name}","user_id":"u{user[n]}","item_id":"i{item[n, position]}"'
            place = f'"position":{position},"segment":"g{segment[n, position]}"'
            value = f'{{{ids},{place},"ts":{at_s:.3f}}}'
            arriving.append((at_s, False, key, value.encode()))
            feedback_s = at_s + float(after_s[n, position])
            if clicked[n, position]:
                arriving.append(
                    (feedback_s, True, key, f'{{{ids},"ts":{feedback_s:.3f}}}'.encode())
                )
            if converted[n, position]:
                arriving.append(
                    (
                        feedback_s,
                        True,
                        key,
                        f'{{{ids},"ts":{feedback_s:.3f},"kind":"conversion"}}'.encode(),
                    )
                )
    return Block([record[1:] for record in _disturbed(arriving, rng)])


def _disturbed(
    arriving: list[tuple[float, bool, bytes, bytes]], rng: np.random.Generator
) -> list[tuple[float, bool, bytes, bytes]]:
    """In order of arrival, some twice and some late."""
    late = rng.random(len(arriving)) < DISORDER
    twice = rng.random(len(arriving)) < DUPLICATES
    delay_s = rng.uniform(0.0, DELAY_S, size=len(arriving))
    records = []
    for (at_s, feedback, key, value), is_late, is_twice, wait_s in zip(
        arriving, late, twice, delay_s, strict=True
    ):
        records.append((at_s + wait_s if is_late else at_s, feedback, key, value))
        if is_twice:
            records.append((at_s + wait_s, feedback, key, value))
    return sorted(records, key=lambda record: record[0])
