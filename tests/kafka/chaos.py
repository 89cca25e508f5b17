"""`python -m tests.kafka.chaos --rounds N`: totals under kill -9, pauses, wiped disks and broker
restarts, against an oracle.

Every round has a history and faults of its own, drawn from `--seed` plus its number; the brokers
run on through all rounds. With `--brokers 3` topics have three replicas, two in sync, and every
round takes brokers away (`tests.kafka.broker_faults`). Exit status 0 when no round showed a
difference, 1 otherwise; the directory of a failed round is kept and named. `--mutant` breaks one
step of the workers on purpose and ends at the first round that notices.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from tests.cluster import Cluster, missing
from tests.kafka.mutants import MUTANTS
from tests.kafka.rounds import Result, Round

# topics of finished rounds leave little behind
BROKER = {"file.delete.delay.ms": "1000", "log.index.size.max.bytes": "1048576"}


def run(
    rounds: int,
    seed: int,
    *,
    workers: int,
    partitions: int,
    brokers: int,
    mutant: str,
    machine: bool,
) -> list[Result]:
    """All rounds on one cluster; with a mutant up to the first that has findings."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="chaos-"))
    results = []
    with Cluster(directory / "kafka", brokers=brokers, settings=BROKER) as cluster:
        for index in range(rounds):
            where = directory / f"round-{seed + index}"
            result = Round(
                cluster,
                where,
                seed + index,
                index,
                partitions=partitions,
                workers=workers,
                mutant=mutant,
            ).run()
            results.append(result)
            sys.stdout.write(_line(result, machine) + "\n")
            sys.stdout.flush()
            if not result.findings:
                shutil.rmtree(where)
            elif mutant:
                break
            else:
                (where / "findings.txt").write_text("\n".join(result.findings) + "\n")
                sys.stdout.write(f"  kept: {where}\n")
    if mutant or not any(result.findings for result in results):
        shutil.rmtree(directory, ignore_errors=True)
    return results


def summary(results: list[Result], mutant: str) -> dict[str, object]:
    """The figures table."""
    return {
        "mutant": mutant or None,
        "rounds": len(results),
        "rounds with differences": sum(bool(r.findings) for r in results),
        "events": sum(r.events for r in results),
        "kills": sum(r.kills for r in results),
        "pauses": sum(r.pauses for r in results),
        "wiped disks": sum(r.wipes for r in results),
        "serving processes killed or stopped": sum(r.serving_faults for r in results),
        "brokers killed, stopped, restarted, paused": sum(r.broker_restarts for r in results),
        "workers that ended by themselves": sum(r.ended for r in results),
        "seconds": round(sum(r.seconds for r in results)),
    }


def _line(result: Result, machine: bool) -> str:
    if machine:
        return json.dumps(result._asdict())
    first = f": {result.findings[0]}" if result.findings else ""
    return (
        f"seed {result.seed}: {result.events} events in {result.seconds:.0f} s, kill -9 at "
        f"{result.crash}, kills {result.kills}, "
        f"pauses {result.pauses}, wipes {result.wipes}, broker restarts "
        f"{result.broker_restarts}, ended {result.ended}, serving {result.serving_faults}, "
        f"findings {len(result.findings)}{first}"
    )


def main() -> int:
    """Parse, run, sum up."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kafka.chaos", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument(
        "--brokers", type=int, choices=(1, 3), default=1, help="3: their leaders move"
    )
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    args = parser.parse_args()
    reason = missing()
    if reason is not None:
        sys.stderr.write(f"chaos: {reason}\n")
        return 2
    # ends the cluster and the workers too
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = run(
        args.rounds,
        args.seed,
        workers=args.workers,
        partitions=args.partitions,
        brokers=args.brokers,
        mutant=args.mutant,
        machine=args.json,
    )
    sys.stdout.write(json.dumps(summary(results, args.mutant)) + "\n")
    return int(any(result.findings for result in results))


if __name__ == "__main__":
    sys.exit(main())
