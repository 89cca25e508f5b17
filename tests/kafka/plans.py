"""Plans of chaos: what happens to whom in a round, drawn by its seed."""

from __future__ import annotations

import random
from typing import NamedTuple

from tests.kafka.broker_faults import KINDS, BrokerFault
from tests.kafka.hooks import POINTS

SERVING = 2  # processes
# None: at any time
PAUSE_POINTS = (None, None, "begin", "begin", "rows", "offsets", "offsets", "committed")


class Plan(NamedTuple):
    """What happens to whom; seconds count from the start of the round."""

    crash: tuple[int, str, int]  # worker, point, passes: kill -9 inside a flush
    wipe: bool  # the crashed worker comes back without a disk
    pause: tuple[int, str | None, int] | None  # worker, point or None, passes
    kills: tuple[tuple[float, int], ...]  # plain kill -9
    # of serving processes: when, which, for how long it is stopped; 0: kill -9
    serving: tuple[tuple[float, int, float], ...]
    brokers: tuple[BrokerFault, ...]
    events: int
    settings: dict[str, str]


def plan(rnd: random.Random, index: int, workers: int, brokers: int = 1) -> Plan:
    """A third of the rounds with a pause, a third with a wiped disk, some with several faults.

    With one broker every tenth round kills it; with more, every round takes brokers away, one or
    two after each other, so that leaders and coordinators move. Every other round of those leaves
    the serving processes alone: then nothing may be answered twice.
    """
    crash = rnd.randrange(workers), rnd.choice(POINTS), rnd.randint(1, 4)
    pause = None
    if index % 3 == 0:
        others = [n for n in range(workers) if n != crash[0]]
        pause = rnd.choice(others), rnd.choice(PAUSE_POINTS), rnd.randint(1, 3)
    kills = tuple(
        (rnd.uniform(3.0, 9.0), rnd.randrange(workers)) for _ in range(rnd.choice((0, 0, 1, 1, 2)))
    )
    settings = {
        "SLATESTREAM_CHUNK_RECORDS": rnd.choice(("40", "500", "4000")),
        "SLATESTREAM_ROWS_IN_MEMORY": rnd.choice(("20", "200000")),
        "CHAOS_SLOW_S": rnd.choice(("0", "0", "0.02")),
    }
    at_s = rnd.uniform(4.0, 8.0)
    away = (BrokerFault(at_s, 1, "kill", 0.0),) if index % 10 == 9 else ()
    serving = tuple(
        (rnd.uniform(2.0, 9.0), rnd.randrange(SERVING), rnd.choice((0.0, 0.0, 3.0, 9.0)))
        for _ in range(rnd.choice((0, 1, 1, 2)))
    )
    if brokers > 1:
        away = tuple(
            BrokerFault(
                rnd.uniform(2.0, 9.0),
                rnd.randint(1, brokers),
                kind := rnd.choice(KINDS),
                0.0 if kind == "restart" else rnd.choice((2.0, 6.0, 12.0, 20.0)),
            )
            for _ in range(rnd.choice((1, 1, 2)))
        )
        serving = serving if index % 2 else ()
    events = rnd.randrange(16_000, 24_000)
    return Plan(crash, index % 3 == 1, pause, kills, serving, away, events, settings)
