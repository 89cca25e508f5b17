"""The encoder's frontier: size, speed and quality of students of all-MiniLM-L6-v2 on 17,470 films,
beside model2vec.

Everything is made from scratch: labels of the teacher, then each point of `POINTS`, with new sets
of labels in between. That takes many hours on two cores: on two of AMD an update of B took 0.31 to
0.40 s, and a set of labels 25 to 35 minutes of one of them. Interrupted training goes on where it
was. `--reuse` takes what lies under build/bench/encoder; `--points A` makes only that one;
`--updates A=330,B=950` trains shorter; `--threads N` (default 2) is for training. Speeds are CPU
seconds at one thread, teacher and students by turns in this same run: on a machine that does
nothing else that is the same as wall time, and on a busy one it still is fair. A batch of the
teacher is sorted by length and padded no further than needed, and has the size at which the teacher
is fastest, as a student's does and is.

Recall is among held-out films, which training never sees; NDCG is on likes after the cutoff
(`encoder.release.evaluate`). The teacher's vectors are float32 for held-out films and for those
with behaviour; for other films, which count only as neighbours in the whole catalogue, the labels
stand in, which are bfloat16 where that is faster (cosine 0.9999).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from encoder.compress import compress
from encoder.corpus.corpus import Corpus
from encoder.corpus.teacher import Teacher, load_teacher, packaged_teacher
from encoder.corpus.teacher_cache import label
from encoder.release.evaluate import judge
from encoder.serving.artifact import Artifact, load
from encoder.serving.artifact_writing import with_card
from encoder.serving.embed import Embedder
from encoder.training.device import half_pays
from encoder.training.train import train, whole_teacher
from encoder.training.train_config import TrainConfig
from streams.demo.films import films
from tests.benchmarks.encoder_points import POINTS, Point

HERE = Path(__file__).parent
PLACE = HERE.parents[1] / "build" / "bench" / "encoder"
SPEED_TEXTS = 256
TEACHER_BATCH = 4  # texts; 1, 8, 16 and 64 are slower (64 by half where a core's cache is small)
ROUNDS = 6
# In a Python of its own: it needs another version of transformers. torch is lent from this one.
PEER = ("model2vec==0.10.0", "transformers<5.4.0", "skeletoken>=0.6.0,<0.7.0", "scikit-learn")


def run(options: list[str]) -> dict[str, Any]:
    """Train, measure, print the table."""
    parser = argparse.ArgumentParser(prog="bench encoder")
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--points", default=",".join(POINTS))
    parser.add_argument(
        "--updates", default="", help="another length of each training of some points: A=330,B=950"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument(
        "--no-float32", action="store_true", help="leave out what the served bits are compared with"
    )
    parser.add_argument(
        "--no-catalogue", action="store_true", help="embed only what the other figures need"
    )
    args = parser.parse_args(options)
    PLACE.mkdir(parents=True, exist_ok=True)
    corpus, teacher = films(), load_teacher(packaged_teacher())
    torch.set_num_threads(args.threads)
    lengths = {
        name: int(updates)
        for name, _, updates in (part.partition("=") for part in args.updates.split(",") if part)
    }
    artifacts: dict[str, Artifact] = {}
    for name in args.points.split(","):
        artifacts |= make(
            name, POINTS[name], corpus, args.threads, lengths.get(name), reuse=args.reuse
        )
    artifacts = {
        name: artifact
        for name, artifact in artifacts.items()
        if not (args.no_float32 and "float32" in name)
    }
    taught = teacher_vectors(corpus, teacher, reuse=args.reuse)
    torch.set_num_threads(1)
    sample = [corpus.texts[row] for row in np.linspace(0, len(corpus) - 1, SPEED_TEXTS).astype(int)]
    readers: dict[str, Callable[[Sequence[str]], Any]] = {
        "teacher": lambda texts: teacher.embed(texts, TEACHER_BATCH)
    }
    readers |= {name: Embedder(artifact).embed for name, artifact in artifacts.items()}
    rates = speeds(readers, sample)
    rows = [
        row(
            "teacher",
            file_bytes(packaged_teacher()),
            rates["teacher"],
            judge(taught, corpus, taught),
        )
    ]
    for name, artifact in artifacts.items():
        figures = measured(
            artifact,
            corpus,
            taught,
            args.threads,
            catalogue=not (args.no_catalogue or "float32" in name),
        )
        with_card(
            artifact,
            msgspec.structs.replace(artifact.card, metrics=artifact.card.metrics | figures),
        )
        rows.append(row(name, artifact.model_bytes, rates[name], figures))
    if not args.no_peer:
        rows += peer(corpus, sample, taught, reuse=args.reuse)
    for entry in rows:
        entry["smaller"] = rows[0]["bytes"] / entry["bytes"]
        entry["faster"] = entry["items_per_s"] / rows[0]["items_per_s"]
    Console(width=160).print(table(rows))
    steps = {name: artifact.card.steps for name, artifact in artifacts.items()}
    return {
        "rows": rows,
        "steps": steps,
        "held_out": len(corpus.held_out_rows()),
        "items": len(corpus),
    }


def make(
    name: str, point: Point, corpus: Corpus, threads: int, updates: int | None, *, reuse: bool
) -> dict[str, Artifact]:
    """The artifacts of one point: what serves, and for a network the same in float32, to show what
    few bits cost.
    """
    texts = [corpus.texts[row] for row in corpus.training_rows()]
    start, trained = "", PLACE / "whole"
    if not point.train:
        shutil.rmtree(trained, ignore_errors=True)
        whole_teacher(TrainConfig(), trained)
    for number, keywords in enumerate(point.train):
        trained = PLACE / f"{name}-{number}"
        if not (reuse and (trained / "manifest.json").is_file()):
            config = TrainConfig(
                **keywords | ({"updates": updates} if updates else {}), start=start, threads=threads
            )
            train(corpus, config, trained, labels=PLACE / "labels", report=progress(name))
        start = str(trained)
    made = {}
    for ending, steps in point.finish.items():
        made[f"{name} {ending}".strip()] = compress(
            load(trained), steps, PLACE / f"{name}-{ending or 'serves'}", texts
        )
    return made


def measured(
    artifact: Artifact, corpus: Corpus, taught: np.ndarray, threads: int, *, catalogue: bool
) -> dict[str, float]:
    """The figures of an encoder; without `catalogue` only the films that count for recall and NDCG
    are embedded.
    """
    rows = np.arange(len(corpus)) if catalogue else exact_rows(corpus)
    vectors = np.zeros((len(corpus), artifact.dim), np.float32)
    vectors[rows] = Embedder(artifact, threads).embed([corpus.texts[row] for row in rows])
    figures = judge(vectors, corpus, taught)
    return (
        figures
        if catalogue
        else {name: value for name, value in figures.items() if name != "recall_catalogue@10"}
    )


def exact_rows(corpus: Corpus) -> np.ndarray:
    """Held-out films and those with behaviour."""
    return np.union1d(np.flatnonzero(corpus.held_out), np.unique(corpus.events.items))


def teacher_vectors(corpus: Corpus, teacher: Teacher, *, reuse: bool) -> np.ndarray:
    """(n_items, 384) unit rows; see the module's docstring."""
    file = PLACE / "teacher.npy"
    if reuse and file.is_file():
        return np.load(file)
    training = corpus.training_rows()
    texts = [corpus.texts[row] for row in training]
    vectors = np.zeros((len(corpus), teacher.dim), np.float32)
    vectors[training] = label(teacher, texts, PLACE / "labels", half=half_pays()).vectors
    exact = exact_rows(corpus)
    vectors[exact] = teacher.embed([corpus.texts[at] for at in exact])
    np.save(file, vectors)
    return vectors


def speeds(
    readers: dict[str, Callable[[Sequence[str]], Any]], texts: Sequence[str]
) -> dict[str, float]:
    """Items per CPU second of each, the best of some rounds; all take turns, so that a busy machine
    is busy for all.
    """
    best = dict.fromkeys(readers, 0.0)
    for _ in range(ROUNDS):
        for name, read in readers.items():
            began = time.process_time()
            read(texts)
            best[name] = max(best[name], len(texts) / (time.process_time() - began))
    return best


def peer(
    corpus: Corpus, sample: Sequence[str], taught: np.ndarray, *, reuse: bool
) -> list[dict[str, Any]]:
    """model2vec, distilled from the same teacher in a Python of its own; its vectors are judged by
    the same function.
    """
    home = PLACE / "model2vec"
    kept = home / "said.jsonl"
    if not (reuse and kept.is_file()):
        kept.write_text(distilled(home, corpus, sample))
    said = kept.read_text()
    rows = []
    for line in said.splitlines():
        found = json.loads(line)
        vectors = np.load(found["vectors"])
        rows.append(
            row(found["name"], found["bytes"], found["items_per_s"], judge(vectors, corpus, taught))
        )
    return rows


def distilled(home: Path, corpus: Corpus, sample: Sequence[str]) -> str:
    """What `encoder_model2vec.py` says, run by a Python made for it at `home`."""
    venv.create(home, with_pip=True, clear=True)
    python = home / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", *PEER], check=True)
    lent = Path(torch.__file__).parents[1]
    site = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "zz_lent.pth").write_text(f"{lent}\n")
    given = home / "texts.json"
    given.write_text(json.dumps({"texts": corpus.texts, "sample": list(sample)}))
    command = [python, HERE / "encoder_model2vec.py", packaged_teacher(), given, home]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout


def row(name: str, size: int, rate: float, figures: dict[str, float]) -> dict[str, Any]:
    """One row of the table."""
    return {"name": name, "bytes": size, "items_per_s": rate, **figures}


def file_bytes(folder: Path) -> int:
    """What the teacher needs to serve: weights and tokenizer."""
    return sum((folder / name).stat().st_size for name in ("model.safetensors", "tokenizer.json"))


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """All rows, one line each."""
    shown = Table(
        title="Encoders of films; held-out films and later likes were never seen in training"
    )
    for heading in (
        "encoder",
        "MB",
        "smaller",
        "items/s",
        "faster",
        "recall@10",
        "in catalogue",
        "NDCG@10",
        "warm",
        "cold",
    ):
        shown.add_column(heading, justify="left" if heading == "encoder" else "right")
    for entry in rows:
        quality = [
            entry.get(f"{name}@10")
            for name in ("recall", "recall_catalogue", "ndcg", "ndcg_warm", "ndcg_cold")
        ]
        shown.add_row(
            entry["name"],
            f"{entry['bytes'] / 1e6:.2f}",
            f"{entry['smaller']:.1f}x",
            f"{entry['items_per_s']:.0f}",
            f"{entry['faster']:.1f}x",
            *("" if value is None else f"{value:.3f}" for value in quality),
        )
    return shown


def progress(name: str) -> Callable[[str, int, int], None]:
    """A line on standard error now and then."""
    last = [0.0]

    def report(what: str, done: int, all_of: int) -> None:
        if done == all_of or time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            sys.stderr.write(f"{name}: {what} {done}/{all_of}\n")

    return report
