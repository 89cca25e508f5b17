"""From topics to a release in force, as `slatestream encoder refresh` does it without a plan: the
first run on a catalogue, and the run of a night later, when some items are new and some were
rewritten.

    --items N      films (default: all, 17,472)
    --new N        of them that come, and others that change, between the runs (100)
    --threads N    as of the command (default: every core)

Wall time and CPU seconds are of the command's process, from its start to its exit; the broker's are
not in them. Both depend on what else the machine does, so the load before each run stands beside
them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from streams.contract.topics import TopicNames
from streams.demo.films import film_feedback, film_items
from tests.cluster import Cluster

LATER_S = 800_000_000.0  # likes are of 1997 and 1998; times on the topics start in 2000
SHOWN = ("ndcg@10", "text_ndcg@10", "recall@10", "recall_new@10", "clicks_share", "bytes")


def run(options: list[str]) -> dict[str, Any]:
    """Measure both runs, print a table."""
    parser = argparse.ArgumentParser(prog="bench first_release")
    parser.add_argument("--items", type=int)
    parser.add_argument("--new", type=int, default=100)
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args(options)
    items = film_items()[: asked.items]
    clicks = [
        {**each._asdict(), "ts": each.ts + LATER_S, "slate_id": f"{each.user_id}-{each.item_id}"}
        for each in film_feedback()
    ]
    names = TopicNames("")
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder) / "kafka") as kafka:
        place = Path(folder)
        environment = {name: value for name, value in os.environ.items() if "OMP" not in name}
        environment["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap
        command = [sys.executable, "-m", "streams"]
        subprocess.run([*command, "topics", "create"], check=True, env=environment, cwd=place)
        produce(kafka.bootstrap, names.items, "item_id", items[asked.new :])
        produce(kafka.bootstrap, names.clicks, "user_id", clicks)
        refresh = [*command, "encoder", "refresh", "--json"]
        if asked.threads:
            refresh += ["--threads", str(asked.threads)]
        first = measured("first run", refresh, environment, place)
        changed = [each | {"text": f"{each['text']}. Restored."} for each in items[-asked.new :]]
        produce(kafka.bootstrap, names.items, "item_id", items[: asked.new] + changed)
        later = measured(f"{2 * asked.new} texts later", refresh, environment, place)
    show([first, later])
    return {"items": len(items), "runs": [first, later]}


def produce(bootstrap: str, topic: str, key: str, events: Iterable[Mapping[str, Any]]) -> None:
    """Events to a topic."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for event in events:
        producer.produce(topic, orjson.dumps(event), event[key])
        producer.poll(0)
    producer.flush()


def measured(
    name: str, command: list[str], environment: Mapping[str, str], place: Path
) -> dict[str, Any]:
    """Run it; wall and CPU seconds, the longest line of progress of each stage, the release."""
    load, began = os.getloadavg()[0], time.monotonic()
    with (place / "out").open("w+") as out, (place / "err").open("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment, cwd=place)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - began
        out.seek(0)
        err.seek(0)
        told, result = [json.loads(line) for line in err if line.startswith("{")], out.read()
    if os.waitstatus_to_exitcode(status):
        message = f"{name}: expected a release, found {told[-3:]} {result}"
        raise RuntimeError(message)
    stages = {line["stage"]: line["running_s"] for line in told if "stage" in line}
    return {
        "run": name,
        "wall_s": wall_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "load": load,
        "stages": stages,
        "said": [line["said"] for line in told if "said" in line],
        "release": json.loads(result),
    }


def show(runs: list[dict[str, Any]]) -> None:
    """One column for each run."""
    table = Table("", *(each["run"] for each in runs), title="slatestream encoder refresh")
    for name in ("wall_s", "cpu_s", "load"):
        table.add_row(name, *(f"{each[name]:,.1f}" for each in runs))
    for stage in runs[0]["stages"] | runs[-1]["stages"]:
        table.add_row(f"{stage}, s", *(f"{each['stages'].get(stage, 0):,.1f}" for each in runs))
    for name in SHOWN:
        figures = (each["release"]["metrics"].get(name, float("nan")) for each in runs)
        table.add_row(name, *(f"{figure:,.4g}" for figure in figures))
    console = Console(width=140)
    console.print(table)
    for sentence in runs[0]["said"]:
        console.print(sentence, markup=False)
