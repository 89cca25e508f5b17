"""One run of the benchmark of users:
`python -m tests.benchmarks.users_run LEARNER SEED SLATES OUT.json [JSON OF THE WORLD]`.

64 users at a time, a slate each every `EVERY_S`; each stays for the session's slates and makes room
for another (`bandits.simulation.user_world`). Peers are policy files, served by the same worker.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from bandits.simulation.simulate import Feedback, Shown
from bandits.simulation.user_world import (
    UserWorld,
    arrive,
    make_user_world,
    oracle_slates,
    rates,
    slate_value,
    visit,
)
from bandits.simulation.worker import Worker
from bandits.slates.config_file import parse_config

TOGETHER = 64  # users
EVERY_S = 10.0  # between two slates of a user
REFRESH_S = 30.0  # of counts: sixty times as shipped, and a third of a run's cost

NOBODY = "users.learn = false\n"
FILES = {
    "default": "",
    "no user": NOBODY,
    "relevance alone": NOBODY + "[objectives]\nrelevance = 1.0\n",
    "clicks and relevance, 2 to 1": NOBODY + "[objectives]\nclick = 2.0\nrelevance = 1.0\n",
    "clicks and relevance, 1 to 1": NOBODY + "[objectives]\nclick = 1.0\nrelevance = 1.0\n",
    "clicks and relevance, 1 to 2": NOBODY + "[objectives]\nclick = 1.0\nrelevance = 2.0\n",
    "clicks, relevance, MMR": NOBODY
    + '[objectives]\nclick = 1.0\nrelevance = 1.0\n[diversity]\nkind = "mmr"\nstrength = 2.0\n',
    "MMR": NOBODY + '[diversity]\nkind = "mmr"\nstrength = 2.0\n',
    "DPP": NOBODY + '[diversity]\nkind = "dpp"\nstrength = 1.0\n',
}
LEARNERS = (*FILES, "random", "oracle")
# Two ways vectors can be of no use: they say nothing of tastes, or nobody has any.
USELESS = ("default, useless vectors", "no user, useless vectors")


def follow(
    world: UserWorld, name: str, n_slates: int, seed: int
) -> tuple[np.ndarray, dict[str, list[float]]]:
    """Expected clicks of each round of slates, (n_rounds,), and what was learned."""
    nature, own = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    n_items, k = world.base.size, world.examination.size
    users = arrive(world, TOGETHER, nature)
    file = FILES.get(name.removesuffix(", useless vectors"))
    vectors = world.vectors
    if name in USELESS:
        vectors = vectors[np.random.default_rng([seed, 2]).permutation(n_items)]
    worker = None
    if file is not None:
        shape = 1, n_items, k
        worker = Worker(parse_config(file), shape, TOGETHER / EVERY_S, REFRESH_S, vectors)
    everyone, everything = np.zeros(TOGETHER, dtype=np.int64), np.ones(n_items, dtype=np.bool_)
    out = np.empty(n_slates // TOGETHER)
    for at in range(out.size):
        rate = rates(world, users)  # (n, n_items)
        if worker is not None:
            slates = worker.serve(everyone, everything, own, users=users.number)
            items = np.stack([slate.items for slate in slates])
        elif name == "oracle":
            items = oracle_slates(world, rate)
        else:
            items = np.argsort(own.random(rate.shape), axis=1)[:, :k]
        out[at] = slate_value(world, rate, items).mean()
        numbers = users.number
        users, came = visit(world, users, rate, items, nature)
        if worker is not None:
            worker.visited(numbers, slates, came.clicked)
            worker.shown(Shown(everyone, items))
            worker.heard(Feedback(everyone, items, came.clicked))
    if worker is None:
        return out, {}
    effects = worker.users.effects
    return out, {"weights": effects.weights.tolist(), "evidence": effects.evidence.tolist()}


def main(arguments: list[str]) -> None:
    """Run and write the means of twenty stretches, what was learned, and the seconds."""
    name, seed, n_slates, out = arguments[:4]
    began = time.process_time()
    world = make_user_world(int(seed), **json.loads(arguments[4]) if arguments[4:] else {})
    clicks, learned = follow(world, name, int(n_slates), int(seed))
    parts = [float(part.mean()) for part in np.array_split(clicks, 20)]
    result = {"clicks": parts, **learned, "seconds": time.process_time() - began}
    part = Path(f"{out}.part")
    part.write_text(json.dumps(result))
    part.rename(out)


if __name__ == "__main__":
    main(sys.argv[1:])
