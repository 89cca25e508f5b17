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

from bandits.arms import policy_of
from bandits.learning.position import logarithmic
from bandits.learning.priors import PriorConfig
from bandits.policies.mixture import default_policy
from bandits.policies.registry import make_policy
from bandits.simulation.learner import CountsLearner, default_learner
from bandits.simulation.simulate import simulate
from bandits.simulation.world import World

LARGEST = 256  # visits of the largest batch, the same for all


def once_per_batch():
    """Make the default policy draw once for all visits of a batch and segment, as slow peers do."""
    policy = default_policy()
    return policy_of(
        policy.name,
        policy.needs,
        lambda arms, rng, n: np.repeat(policy.draws(arms, rng, 1), n, axis=0),
    )


def learner_of(name: str, places: tuple[float, ...]):
    """Make ours by name; every other name is a peer."""
    apart = PriorConfig(segment_clicks=0.0)
    own = {
        "ours": lambda: default_learner("ours", examination=places),
        "ours_place_ignored": lambda: default_learner("ours, place ignored"),
        "ours_per_batch": lambda: CountsLearner(
            "ours, one draw a batch", once_per_batch(), examination=places
        ),
        "ours_apart": lambda: CountsLearner(
            "ours, segments apart", default_policy(), apart, places
        ),
        "ours_thompson": lambda: CountsLearner(
            "ours, Thompson alone", make_policy("thompson"), examination=places
        ),
        "ours_kl_ucb": lambda: CountsLearner(
            "ours, KL-UCB+ alone", make_policy("kl_ucb"), examination=places
        ),
        "ours_no_memory": lambda: CountsLearner(
            "ours, no memories", default_policy(), examination=places, memories=()
        ),
    }
    if name in own:
        return own[name]()
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
        learner_of(name, tuple(logarithmic(5))),
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
