"""The rows and the table of `bench_encoder`: every encoder alone, and asymmetric: for held-out
films beside the teacher's vectors of all others.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from encoder.corpus.corpus import Corpus
from encoder.release.catalogue import in_space_of
from encoder.release.evaluate import cases, ndcg_by_user
from encoder.release.intervals import Interval, mean_interval
from encoder.release.mixture import judge_mixture, mixed, paired_ndcg

FloatArray = NDArray[np.float32]
SEED = 0  # of the bootstrap
HEADINGS = (
    "encoder",
    "catalogue",
    "MB",
    "items/s",
    "faster",
    "recall@10",
    "in catalogue",
    "alone new",
    "NDCG@10",
    "less the teacher's",
    "warm",
    "cold",
    "cold less the teacher's",
)


def rows_of(
    name: str,
    size: int,
    rate: float,
    student: FloatArray,
    corpus: Corpus,
    taught: FloatArray,
) -> list[dict[str, Any]]:
    """Two rows of one encoder, whose vectors of all films are `student` (n_items, dim)."""
    moved = in_space_of(student, taught, corpus.training_rows())
    made = {"own": student, "teacher": moved}
    if student is taught:
        del made["teacher"]
    found = []
    for by, catalogue in made.items():
        served = mixed(catalogue, student, corpus.held_out)
        found.append(
            {"name": name, "catalogue": by, "bytes": size, "items_per_s": rate}
            | judge_mixture(catalogue, student, corpus, taught)
            | intervals(served, corpus, taught)
        )
    return found


def intervals(served: FloatArray, corpus: Corpus, taught: FloatArray) -> dict[str, Any]:
    """95% intervals over users: of NDCG, and of its difference to the teacher's on the same
    users.
    """
    rng = np.random.default_rng(SEED)
    users, known = list(cases(corpus)), np.unique(corpus.events.items)
    cold = known[corpus.held_out[known]]
    colder = ndcg_by_user(served, users, cold) - ndcg_by_user(taught, users, cold)
    return {
        "ndcg_interval": mean_interval(ndcg_by_user(served, users, known), rng),
        "ndcg_gain": paired_ndcg(taught, served, corpus, rng),
        "cold_gain": mean_interval(colder, rng),
    }


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """All rows, one line each."""
    shown = Table(
        title="Encoders of films; held-out films and later likes were never seen in training"
    )
    for heading in HEADINGS:
        shown.add_column(heading, justify="left" if heading in HEADINGS[:2] else "right")
    for row in rows:
        shown.add_row(
            row["name"],
            row["catalogue"],
            f"{row['bytes'] / 1e6:.2f}",
            f"{row['items_per_s']:.0f}",
            f"{row['faster']:.1f}x",
            *(f"{row[f'{name}@10']:.3f}" for name in ("recall", "recall_catalogue", "recall_new")),
            f"{row['ndcg@10']:.4f} {_ends(row['ndcg_interval'])}",
            _difference(row["ndcg_gain"]),
            f"{row['ndcg_warm@10']:.3f}",
            f"{row['ndcg_cold@10']:.3f}",
            _difference(row["cold_gain"]),
        )
    return shown


def _ends(interval: Interval) -> str:
    return f"({interval.low:.4f} to {interval.high:.4f})"


def _difference(interval: Interval) -> str:
    if interval.low == interval.high == 0:
        return ""
    return f"{interval.mean:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"
