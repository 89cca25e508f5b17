"""A rolling upgrade: three workers and two serving processes are replaced one by one under load, as
Kubernetes does, and nothing is lost; on another Python, where there is one.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kafka.fleet import Fleet, Member, wait_for
from tests.kafka.load import Load

pytestmark = pytest.mark.kafka
PARTITIONS = 6
PER_S = 50.0
ROOT = Path(__file__).parents[2]


def other_python() -> str:
    """Another Python with this project's dependencies, as `make pythons` builds them; without one
    the same.
    """
    for each in sorted((ROOT / "build" / "python").glob("*/bin/python")):
        said = subprocess.run(
            [str(each), "-c", "import sys, faust; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if said.returncode == 0 and said.stdout.split() != [*map(str, sys.version_info[:2])]:
            return str(each)
    return sys.executable


def replace(fleet: Fleet, member: Member, python: str) -> None:
    """End it in order, then start the new one; ready before the next goes."""
    member.signal(signal.SIGTERM)
    wait_for(f"{member.name} to end", lambda: member.status is not None, 90)
    assert member.status == 0, member.text()[-2000:]
    fleet.launch(member, python)
    wait_for(f"{member.name} to be ready", lambda: member.status or member.ready(), 120)
    assert member.status is None, member.text()[-2000:]


@pytest.mark.timeout(600)
def test_a_rolling_upgrade_loses_nothing(
    make_fleet: Callable[..., Fleet], record_property: Callable[[str, object], None]
) -> None:
    fleet = make_fleet(3, PARTITIONS, serving=2, SLATESTREAM_SEGMENT_FIELDS="")
    load, python = Load(fleet, PARTITIONS, PER_S), other_python()
    load.describe()
    members = [*fleet.workers, *fleet.serving]
    for member in members:
        fleet.launch(member)
    for member in members:
        wait_for(f"{member.name} to be ready", member.ready, 120)
    with load:
        wait_for("the first answers", lambda: len(load.came) > PER_S, 60)
        load.begin()
        for member in members:
            replace(fleet, member, python)
        seen = load.end()
        load.stop_sending()
        wait_for("everything to be counted", lambda: load.counted() == load.events, 120, 1.0)
    assert seen.answered == seen.requests > 0
    assert seen.twice == 0
    record_property("longest_wait_s", seen.longest_s)
    print(f"rolling upgrade to {python}: {seen}", file=sys.__stderr__)
