"""The gate: reasons why an encoder and its embeddings may not be released; none means they may.

    vectors    finite, unit length, right dimension, one row for every item and no other, not all
               the same
    mixture    where another encoder made the catalogue's vectors, those of this one lie near them
    metrics    m >= minimum                for each metric with a floor
               m >= m_in_force (1 - drop)  for each metric with a bound on the loss, on the same
               held-out set

Pure functions over arrays and figures. The publishing side calls them before it writes anything,
the reading side (`encoder.serving.verify`) before it swaps: a release that slipped past one meets
the other.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from encoder.serving.wire import STUDENT, Thresholds

FloatArray = NDArray[np.float32]

# float32 rounding of a normalised row of 1,000 values stays below 1e-5; half precision somewhere on
# the way below 1e-2.
UNIT_TOLERANCE = 1e-2
# The mean of n unit vectors has length 1 when they are all the same and near 0 when they point
# everywhere. Untrained transformers reach 0.9 on texts of one kind; above 0.99 neighbours are
# rounding noise.
COLLAPSED = 0.99
FEW_ITEMS = 20  # fewer items can be alike for good reason
# Mean cosine between the vectors that a catalogue has and those which the release's own encoder
# makes of the same texts. Random pairs of films have 0.25, students of a twentieth of the teacher's
# size 0.9 to their teacher; below it a new item lies among strangers.
COSINE, LOWEST_COSINE = "cosine_to_catalogue", 0.5
NAMED = 3  # items named in a reason; the number of all stands beside


def vector_reasons(
    ids: Sequence[str], matrix: FloatArray, dim: int, expected_ids: Sequence[str]
) -> list[str]:
    """Judge the embeddings of a catalogue.

    Parameters
    ----------
    ids
        Item of each row.
    matrix
        (items, dim).
    dim
        Dimension that the release promises.
    expected_ids
        Items of the catalogue.

    Returns
    -------
    One sentence per fault; empty when there is none.

    """
    if matrix.ndim != 2 or matrix.shape != (len(ids), dim):
        return [f"vectors: expected shape ({len(ids)}, {dim}), found {matrix.shape}"]
    reasons = []
    if missing := sorted(set(expected_ids) - set(ids)):
        reasons.append(
            f"items: {len(missing)} of {len(set(expected_ids))} have no vector ({_some(missing)})"
        )
    if foreign := sorted(set(ids) - set(expected_ids)):
        reasons.append(
            f"items: {len(foreign)} vectors belong to no item of the catalogue ({_some(foreign)})"
        )
    if len(set(ids)) != len(ids):
        reasons.append(f"items: {len(ids) - len(set(ids))} have more than one vector")
    if not len(ids):
        return [*reasons, "items: expected at least one, found none"]
    finite = np.isfinite(matrix).all(axis=1)  # (items,)
    if not finite.all():
        bad = [ids[row] for row in np.flatnonzero(~finite).tolist()]
        return [*reasons, f"vectors: {len(bad)} hold NaN or infinity ({_some(bad)})"]
    norms = np.linalg.norm(matrix, axis=1)  # (items,)
    if off := np.flatnonzero(np.abs(norms - 1) > UNIT_TOLERANCE).tolist():
        reasons.append(
            f"vectors: {len(off)} are not of length 1 ({_some([ids[row] for row in off])})"
        )
    elif (
        len(ids) >= FEW_ITEMS
        and (alike := float(np.linalg.norm(matrix.mean(axis=0, dtype=np.float64)))) > COLLAPSED
    ):
        reasons.append(
            f"vectors: all but the same (their mean has length {alike:.4f}, at most {COLLAPSED} "
            "is expected)"
        )
    return reasons


def metric_reasons(
    metrics: Mapping[str, float], in_force: Mapping[str, float], thresholds: Thresholds
) -> list[str]:
    """Judge the figures of an evaluation.

    Parameters
    ----------
    metrics
        Of the new release.
    in_force
        Of the release it would replace, on the same held-out set; empty when there is none.
    thresholds
        Floors and largest losses.

    Returns
    -------
    One sentence per fault; empty when there is none.

    """
    reasons = [
        f"{name}: expected a finite figure, found {value}"
        for name, value in metrics.items()
        if not math.isfinite(value)
    ]
    wanted = set(thresholds.minimum) | (set(thresholds.drop) & set(in_force))
    reasons += [
        f"{name}: not measured, and the gate asks for it" for name in sorted(wanted - set(metrics))
    ]
    for name, floor in sorted(thresholds.minimum.items()):
        if name in metrics and metrics[name] < floor:
            reasons.append(f"{name}: expected at least {floor:.4f}, found {metrics[name]:.4f}")
    for name, drop in sorted(thresholds.drop.items()):
        lowest = in_force.get(name, 0.0) * (1 - drop)
        if name in metrics and name in in_force and metrics[name] < lowest:
            reasons.append(
                f"{name}: expected at least {lowest:.4f} ({in_force[name]:.4f} of the release in "
                "force "
                f"less {drop:.0%}), found {metrics[name]:.4f}"
            )
    return reasons


def mixture_reasons(made_by: str, metrics: Mapping[str, float]) -> list[str]:
    """Judge whether new items can live among the catalogue's vectors.

    Parameters
    ----------
    made_by
        `Release.catalogue`.
    metrics
        Of the release; `COSINE` must be among them, unless its own encoder made all vectors.

    Returns
    -------
    One sentence per fault; empty when there is none.

    """
    if made_by == STUDENT:
        return []
    cosine = metrics.get(COSINE, math.nan)
    if cosine >= LOWEST_COSINE:
        return []
    return [
        f"{COSINE}: expected at least {LOWEST_COSINE} between the {made_by}'s vectors and the "
        f"encoder's own of the same texts, found {cosine:.4f}"
    ]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown}, ..."
