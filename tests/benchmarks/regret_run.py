"""One run of the regret benchmark:
`python -m tests.benchmarks.regret_run LEARNER WORLD.npz SEED VISITS OUT.npz`.

Run by the Python that has the learner's library; needs NumPy, this repository and nothing else of
it.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from bandits.learning.position import logarithmic
from bandits.simulation.simulate import simulate
from bandits.simulation.worker import WorkerLearner
from bandits.simulation.world import World
from bandits.slates.config_file import parse_config

LARGEST = 256  # visits of the largest batch, the same for all


# Ours are policy files, served as a worker serves them. 25 visits a second are few enough for every
# memory to fade by its clicks; the largest batch is then 10 s, so that counts are staler here than
# in a worker, which refreshes twice a second.
VISITS_PER_S = 25.0
FILES = {
    "ours": "",
    "ours_places_known": "",
    "ours_place_ignored": "examination = [1.0]",
    "ours_floor_off": "[exploration]\nfloor = 0",
    "ours_apart": "[priors]\nsegment_clicks = 0",
    "ours_thompson": "[policies.thompson]",
    "ours_kl_ucb": "[policies.kl_ucb]",
}
PLACES_KNOWN = ("ours_places_known",)


def learner_of(name: str, places: tuple[float, ...]):
    """Make ours by name; every other name is a peer."""
    if name in FILES:
        known = f"examination = {list(places)}\n" if name in PLACES_KNOWN else ""
        return WorkerLearner(name, parse_config(known + FILES[name]), VISITS_PER_S)
    from tests.benchmarks.regret_peers import PEERS

    return PEERS[name]()


def read_world(path: Path) -> World:
    """World from a file that `write_world` made."""
    with np.load(path) as stored:
        fields = {name: stored[name] for name in stored.files}
    after = fields.get("rates_after")
    return World(
        str(fields["name"]),
        fields["rates"],
        fields["share"],
        fields["examination"],
        int(fields["delay"]),
        after,
        int(fields["change_at"]),
    )


def write_world(world: World, path: Path) -> None:
    """World to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    given = {name: value for name, value in world._asdict().items() if value is not None}
    with path.open("wb") as file:
        np.savez(file, **given)


def main(arguments: list[str]) -> None:
    """Run and write the curve: visits, regret, seconds, and the learner's name; the file appears
    whole or not at all.
    """
    name, world_path, seed, visits, out = arguments
    warnings.simplefilter("ignore")  # the peers' own
    start = time.perf_counter()
    curve = simulate(
        read_world(Path(world_path)),
        learner_of(name, tuple(logarithmic(5).tolist())),
        int(visits),
        int(seed),
        largest=LARGEST,
    )
    part = Path(f"{out}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(
            file, visits=curve.visits, regret=curve.regret, seconds=time.perf_counter() - start
        )
    part.rename(out)


if __name__ == "__main__":
    main(sys.argv[1:])
