"""`make drill`: what users notice when processes come and go, on three brokers under 100 requests
a second; one table.

    workers 1 -> 3, 3 -> 2    started; ended in order
    rolling restart           every worker and every serving process, one after the other
    kill -9                   of a worker, and of a serving process, each started again
    one broker of three away  killed, and back after `AWAY_S`

Sessions time out as shipped: after 10 s a worker, after 6 s a serving process. At the end counts
and answers are compared with what was sent; the status is 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from tests.cluster import Cluster, missing
from tests.kafka.fleet import Fleet, Member, wait_for
from tests.kafka.load import Load, Seen

PARTITIONS = 12
PER_S = 100.0
SETTLE_S = 5.0  # of load before and after what is done to the fleet
AWAY_S = 15.0  # a broker
RESULTS = pathlib.Path(__file__).parents[2] / "build" / "bench"
SHIPPED = {
    "SLATESTREAM_FLUSH_INTERVAL_MS": "500",
    "SLATESTREAM_BROKER_SESSION_TIMEOUT_S": "10",
    "SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S": "60",
    "SLATESTREAM_SERVING_SESSION_TIMEOUT_S": "6",
    "SLATESTREAM_ATTRIBUTION_WINDOW_S": "3600",
    "SLATESTREAM_CONVERSION_WINDOW_S": "604800",
}
Drill = Callable[[], None]


class Yard:
    """Brokers, workers and serving processes, and what is done to them."""

    def __init__(self, cluster: Cluster, fleet: Fleet) -> None:
        self.cluster, self.fleet = cluster, fleet

    def drills(self) -> Iterator[tuple[str, Drill]]:
        """In this order: each finds the fleet as the one before left it."""
        first, second, third = self.fleet.workers
        serving = self.fleet.serving[0]
        yield "nothing", lambda: time.sleep(SETTLE_S)
        yield "workers 1 -> 3", lambda: self.up(second, third)
        yield "workers 3 -> 2", lambda: self.down(third)
        yield "rolling restart of workers", lambda: self.restart(first, second)
        yield "rolling restart of serving", lambda: self.restart(*self.fleet.serving)
        yield "kill -9 of a worker", lambda: self.lose(second)
        yield "kill -9 of a serving process", lambda: self.lose(serving)
        yield "one broker of three away", self.broker_away

    def up(self, *members: Member) -> None:
        """Start them, and wait until they are ready."""
        for each in members:
            self.fleet.launch(each)
        for each in members:
            wait_for(f"{each.name} to be ready", lambda m=each: m.status or m.ready(), 120)
            assert each.status is None, each.text()[-2000:]

    def down(self, member: Member) -> None:
        """End it in order."""
        member.signal(signal.SIGTERM)
        wait_for(f"{member.name} to end", lambda: member.status is not None)
        assert member.status == 0, member.text()[-2000:]

    def restart(self, *members: Member) -> None:
        """One after the other, each ready before the next, as Kubernetes does."""
        for each in members:
            self.down(each)
            self.up(each)

    def lose(self, member: Member) -> None:
        """Kill it, and start it again two seconds later."""
        member.kill()
        time.sleep(2.0)
        self.up(member)

    def broker_away(self) -> None:
        """The first broker, which every client was told of."""
        self.cluster.kill(1)
        time.sleep(AWAY_S)
        self.cluster.restart(1)


def lost(load: Load) -> dict[str, int]:
    """Events that are not counted, or counted twice, by kind."""
    load.stop_sending()
    deadline = time.monotonic() + 120
    while load.counted() != load.events and time.monotonic() < deadline:
        time.sleep(1.0)
    counted = load.counted()
    return {kind: counted[kind] - load.events[kind] for kind in load.events}


def run(directory: pathlib.Path, only: str = "") -> tuple[list[tuple[str, Seen]], dict[str, int]]:
    """The drills whose name holds `only`, and how the counts differ at the end."""
    rows = []
    with Cluster(directory / "kafka", brokers=3, measured=True) as cluster:
        fleet = Fleet(cluster.bootstrap, directory / "fleet", "drill.", 3, SHIPPED, 2, 3)
        try:
            fleet.create_topics(PARTITIONS)
            yard, load = Yard(cluster, fleet), Load(fleet, PARTITIONS, PER_S)
            load.describe()
            yard.up(fleet.workers[0], *fleet.serving)
            with load:
                for name, drill in yard.drills():
                    if only not in name:
                        continue
                    load.begin()
                    time.sleep(SETTLE_S)
                    drill()
                    time.sleep(SETTLE_S)
                    rows.append((name, load.end()))
                    print(line(*rows[-1]), flush=True)
                differences = lost(load)
        finally:
            fleet.close()
    return rows, differences


HEAD = (
    "| drill | requests | answered | answered twice | median, ms | longest wait, s "
    "| counting paused, s |\n|---|---|---|---|---|---|---|"
)


def line(name: str, seen: Seen) -> str:
    """One row of the table."""
    return (
        f"| {name} | {seen.requests:,} | {seen.answered:,} | {seen.twice} "
        f"| {1000 * seen.median_s:.0f} | {seen.longest_s:.1f} | {seen.counting_s:.1f} |"
    )


def main(arguments: list[str]) -> int:
    """Print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.kafka.drill", description=__doc__)
    parser.add_argument("--only", default="", help="drills whose name holds this")
    options = parser.parse_args(arguments)
    if (reason := missing()) is not None:
        print(reason, file=sys.stderr)
        return 2
    print(HEAD)
    with tempfile.TemporaryDirectory() as directory:
        rows, differences = run(pathlib.Path(directory), options.only)
    print(", ".join(f"{kind}: {number:+d}" for kind, number in differences.items()))
    RESULTS.mkdir(parents=True, exist_ok=True)
    table = [{"drill": name} | seen._asdict() for name, seen in rows]
    text = json.dumps({"drills": table, "differences": differences}, indent=1)
    (RESULTS / "drill.json").write_text(text)
    unanswered = sum(seen.requests - seen.answered for _name, seen in rows)
    return 1 if unanswered or any(differences.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
