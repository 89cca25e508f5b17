"""Read a log in contract form: JSON lines of impressions and of clicks, joined as the worker joins
them.

An impression counts once per (slate_id, item_id), a click or conversion once per (slate_id,
item_id, kind). A click earns when it comes within the attribution window of its impression, a
conversion too, and up to the conversion window when its slate has a click. The segment is the
impression's own, else its slate's, else made of its context by `segment_fields`
(`age=25-34,gender=F`), else `default`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bandits.ope.log import LoadedLog, Log, LogError, Shape, validate
from bandits.ope.read_lines import read_events, text
from bandits.ope.slates_file import one_by_one, read_slates
from bandits.ope.support import check_positions

DEFAULT_SEGMENT = "default"
ATTRIBUTION_WINDOW_S = 3600.0  # as CONTRACT.md has them
CONVERSION_WINDOW_S = 604_800.0


class Joining(NamedTuple):
    """How feedback is joined to impressions.

    Attributes
    ----------
    attribution_window_s, conversion_window_s : float
        Largest age of a click, and of a conversion in a slate with a click; larger counts later
        feedback.
    segment_fields : sequence of str
        Context fields that make the segment of impressions that have none.
    drop_unknown : bool
        Leave out impressions without propensity instead of refusing the log.
    first_position : int
        Where the log starts to count the places of a slate.
    """

    attribution_window_s: float = ATTRIBUTION_WINDOW_S
    conversion_window_s: float = CONVERSION_WINDOW_S
    segment_fields: Sequence[str] = ()
    drop_unknown: bool = False
    first_position: int = 0


class _Row:
    """One impression and what it earned; a class with slots, since there are millions."""

    __slots__ = (
        "clicked",
        "converted",
        "item",
        "position",
        "propensity",
        "segment",
        "slate",
        "time_s",
        "value",
    )

    def __init__(
        self, slate: str, item: str, segment: str, position: int, propensity: float, time_s: float
    ) -> None:
        self.slate, self.item, self.segment = slate, item, segment
        self.position, self.propensity, self.time_s = position, propensity, time_s
        self.clicked, self.converted, self.value = False, False, 0.0


DEFAULT_JOINING = Joining()


def read_contract(
    impressions: Path,
    clicks: Path | None,
    joining: Joining = DEFAULT_JOINING,
    slates: Path | None = None,
) -> LoadedLog:
    """Read and join files of JSON lines; without `clicks` nothing was clicked. `slates` are those
    that slatestream made: impressions may leave segment, positions and propensities to them.

    Raises
    ------
    LogError
        A line is not a valid event, an impression has no propensity (unless `drop_unknown`), or the
        log is invalid.
    """
    rows: dict[tuple[str, str], _Row] = {}
    offered = {} if slates is None else read_slates(slates)
    for where, record in read_events(impressions):
        for event in one_by_one(record, where, offered):
            key = (text(event, "slate_id", where), text(event, "item_id", where))
            if key not in rows:
                rows[key] = _impression(event, key, where, joining)
    if clicks is not None:
        _join(rows, clicks, joining)
    kept = [
        row for row in rows.values() if not joining.drop_unknown or row.propensity == row.propensity
    ]
    if not kept:
        msg = f"expected impressions with propensities in {impressions}, found none of {len(rows)}"
        raise LogError(msg)
    kept.sort(key=lambda row: row.time_s)
    return _arrays(kept)


def context_segment(context: Mapping[str, Any] | None, fields: Sequence[str]) -> str:
    """Return the segment that context fields make, as the worker names it.

    Examples
    --------
    >>> context_segment({"age": "25-34", "gender": "F", "n": 1}, ("age", "gender"))
    'age=25-34,gender=F'
    """
    parts = (
        [f"{field}={_plain(context[field])}" for field in fields if context.get(field) is not None]
        if context
        else []
    )
    return ",".join(parts) or DEFAULT_SEGMENT


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):  # as `streams.contract.segments` writes it
        return value.replace("%", "%25").replace(",", "%2C").replace("=", "%3D")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _impression(
    event: Mapping[str, Any], key: tuple[str, str], where: str, joining: Joining
) -> _Row:
    propensity = event.get("propensity")
    segment = event.get("segment")
    if segment is None:
        segment = context_segment(event.get("context"), joining.segment_fields)
    elif not isinstance(segment, str):
        msg = f"expected text in segment at {where}, found {segment!r}"
        raise LogError(msg)
    position = event.get("position")
    first = joining.first_position
    if not isinstance(position, int) or isinstance(position, bool) or position < first:
        msg = f"expected a position from {first} at {where}, found {position!r}"
        raise LogError(msg)
    number = float("nan") if propensity is None else _number(propensity, "propensity", where)
    return _Row(*key, segment, position - first, number, _seconds(event.get("ts"), where))


def _join(rows: dict[tuple[str, str], _Row], path: Path, joining: Joining) -> None:
    """Credit the earliest feedback of each kind; clicks first, since a late conversion needs a
    click in its slate.
    """
    first: dict[tuple[str, tuple[str, str]], tuple[float, float]] = {}
    for where, event in read_events(path):
        kind = event.get("kind", "click")
        if kind not in ("click", "conversion"):
            msg = f"expected kind click or conversion at {where}, found {kind!r}"
            raise LogError(msg)
        credited = (str(kind), (text(event, "slate_id", where), text(event, "item_id", where)))
        found = (
            _seconds(event.get("ts"), where),
            _number(event.get("value") or 0.0, "value", where),
        )
        first[credited] = min(first.get(credited, found), found)
    clickedlates = set()
    # "click" < "conversion"
    for (kind, key), (time_s, value) in sorted(first.items(), key=lambda entry: entry[0][0]):
        row = rows.get(key)
        if row is None:
            continue  # an orphan: its impression is not in this log
        age_s = time_s - row.time_s
        if kind == "click" and age_s <= joining.attribution_window_s:
            row.clicked, row.value = True, row.value + value
            clickedlates.add(row.slate)
        elif kind == "conversion":
            window = (
                joining.conversion_window_s
                if row.slate in clickedlates
                else joining.attribution_window_s
            )
            if age_s <= max(window, joining.attribution_window_s):
                row.converted, row.value = True, row.value + value


def _arrays(rows: Sequence[_Row]) -> LoadedLog:
    slates = {name: index for index, name in enumerate(dict.fromkeys(row.slate for row in rows))}
    items = sorted({row.item for row in rows})
    segments = sorted({row.segment for row in rows})
    item_index = {name: index for index, name in enumerate(items)}
    segment_index = {name: index for index, name in enumerate(segments)}
    log = Log(
        slate=np.array([slates[row.slate] for row in rows], dtype=np.int64),
        position=np.array([row.position for row in rows], dtype=np.int64),
        item=np.array([item_index[row.item] for row in rows], dtype=np.int64),
        segment=np.array([segment_index[row.segment] for row in rows], dtype=np.int64),
        propensity=np.array([row.propensity for row in rows]),
        click=np.array([float(row.clicked) for row in rows]),
        conversion=np.array([float(row.converted) for row in rows]),
        value=np.array([row.value for row in rows]),
        time_s=np.array([row.time_s for row in rows]),
    )
    validate(log)
    check_positions(log)
    return LoadedLog(
        log, items, segments, Shape(len(segments), int(log.position.max()) + 1, len(items))
    )


def _number(found: Any, name: str, where: str) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float):
        msg = f"expected a number in {name} at {where}, found {found!r}"
        raise LogError(msg)
    return float(found)


def _seconds(found: Any, where: str) -> float:
    if isinstance(found, str):
        try:
            time: datetime | None = datetime.fromisoformat(found)
        except ValueError:
            time = None
        if time is not None and time.tzinfo is not None:
            return time.timestamp()
    elif isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    msg = (
        f"expected seconds since the epoch or an RFC 3339 time with its zone in ts at {where}, "
        f"found {found!r}"
    )
    raise LogError(msg)
