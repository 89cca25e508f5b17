"""Findings: why nothing moves, in words, and what to do. Pure functions of what was observed.

They come in the order in which a person should read them: what stops everything first, then what
keeps events from being counted, then what makes counts worth less.
"""

from collections.abc import Callable, Iterator, Mapping

from streams.contract.health import Finding
from streams.kafka.event_sample import Seen
from streams.serving.watch.funnel_view import now_waiting
from streams.serving.watch.observed import Observed, Sums, events_of, sums_of

QUIET_S = 20.0  # of a counting group that has records to count; a flush comes twice a second
BEHIND = 100_000  # records
SHARE = 0.2  # of events, from which what befalls them is worth a word
MANY = 1000  # impressions without a click


def findings(observed: Observed) -> list[Finding]:
    """All that there is to say; empty where events are counted as they should be."""
    sums = sums_of(observed)
    return [finding for look in _LOOKS for finding in look(observed, sums)]


def sample_findings(sample: Mapping[bool, Seen]) -> list[Finding]:
    """What a sample of events says by itself."""
    observed = Observed(sample=sample)
    sums = sums_of(observed)
    return [*_partitioner(observed, sums), *_positions(observed, sums)]


def _ready(observed: Observed, _sums: Sums) -> Iterator[Finding]:
    if observed.missing:
        yield Finding(
            "not-ready",
            "alarm",
            "This process is not ready",
            "; ".join(observed.missing).capitalize() + ".",
            "Wait a moment after a start. If it stays so, run `slatestream doctor`.",
        )


def _counting(observed: Observed, _sums: Sums) -> Iterator[Finding]:
    behind = sum(lag.records for lag in observed.lags)
    never = bool(observed.lags) and all(lag.committed is None for lag in observed.lags)
    if behind and observed.moved_s > QUIET_S:
        since = "has ever been" if never else f"was in the last {observed.moved_s:.0f} s"
        yield Finding(
            "no-counting",
            "alarm",
            "Nobody counts",
            f"{behind:,} records wait to be counted, and none {since}.",
            "Start a worker (`slatestream worker`), or read the log of the one that runs.",
        )
    elif behind > BEHIND:
        yield Finding(
            "behind",
            "warning",
            "Counting is behind",
            f"{behind:,} records wait to be counted: slates know nothing of them yet.",
            "Wait if the number falls; else add workers, up to one for each partition.",
        )


def _partitioner(observed: Observed, sums: Sums) -> Iterator[Finding]:
    for impressions, seen in observed.sample.items():
        topic = "impressions" if impressions else "clicks"
        if seen.other_key > SHARE * seen.events:
            same = f"; that key is the event's {seen.key_is}" if seen.key_is else ""
            yield Finding(
                "other-key",
                "alarm",
                f"Keys of {topic} are not users",
                f"{seen.other_key} of the last {seen.events} events have a key that is not their "
                f"user_id (the last one: key {seen.key_shape}; user_id {seen.user_shape}{same}): "
                "one user's events are counted in different places and do not meet.",
                f"Produce to `{topic}` with the user_id as key.",
            )
        elif seen.elsewhere > SHARE * seen.events / 2:
            yield Finding(
                "partitioner",
                "alarm" if sums.waiting else "warning",
                f"Another partitioner writes {topic}",
                f"{seen.elsewhere} of the last {seen.events} events lie in another partition than "
                "murmur2 gives their key: they do not meet what other producers, and slatestream, "
                "write of the same user.",
                "Set the producer's partitioner to murmur2: `partitioner=murmur2_random` in "
                "librdkafka; Java's own is right. Or send over HTTP.",
            )


def _flow(observed: Observed, sums: Sums) -> Iterator[Finding]:
    """Events that never come."""
    if observed.items == 0 and not observed.missing:
        yield Finding(
            "no-items",
            "hint",
            "No items yet",
            "There is nothing to show.",
            'Produce to `items`: {"item_id": "mug", "title": "Blue mug"}, keyed by item_id.',
        )
    if not sums.shown and not sums.sent:
        if not any(lag.records for lag in observed.lags):
            yield Finding(
                "no-events",
                "hint",
                "No impressions seen yet",
                "Nothing has been counted so far.",
                "Produce to `impressions` when a user has seen a slate, and to `clicks`; both "
                "keyed by user_id.",
            )
    elif not sums.shown:
        yield Finding(
            "only-clicks",
            "alarm",
            "Only clicks come",
            f"{sums.sent:,} clicks came and no impression. A click counts when its impression "
            "was seen.",
            "Produce to `impressions` what users see, with the same slate_id as the click.",
        )
    elif sums.impressions > MANY and not sums.sent:
        yield Finding(
            "no-clicks",
            "warning",
            "No clicks come",
            f"{sums.impressions:,} impressions were counted and no click was sent.",
            "Produce to `clicks` what users click, with the slate_id of the impression.",
        )


def _unmatched(observed: Observed, sums: Sums) -> Iterator[Finding]:
    """Clicks that find no impression where impressions come and partitions are right."""
    if not sums.shown or sums.waiting <= SHARE * sums.sent or sums.waiting == 0:
        return
    if any(found.code in ("partitioner", "other-key") for found in _partitioner(observed, sums)):
        return
    shown, clicked = observed.sample.get(True), observed.sample.get(False)
    ids = ""
    if shown and clicked and clicked.slates and not shown.slates & clicked.slates:
        ids = (
            f" None of the last clicks' slate_ids ({_some(clicked.slates)}) is among those of the "
            f"last impressions ({_some(shown.slates)})."
        )
    yield Finding(
        "slate-ids",
        "alarm",
        "Clicks find no impression",
        f"{sums.waiting:,} of {sums.sent:,} clicks wait for an impression with their slate_id and "
        f"item_id, or gave up waiting.{ids}",
        "Send a click with the slate_id and item_id of the impression that was clicked.",
    )


def _whole(observed: Observed, _sums: Sums) -> Iterator[Finding]:
    outcomes = observed.funnel.get("impressions", {})
    waiting = min(now_waiting(outcomes), observed.waiting.get("impressions", 0))
    waiting += outcomes.get("orphan", 0)
    if waiting > SHARE * events_of(outcomes):
        yield Finding(
            "whole-slates",
            "alarm",
            "Impressions of slates that nobody made",
            f"{waiting:,} impressions of a whole slate name a slate_id that stands in no slate.",
            "Send the slate_id of the answer, or name the items that were seen.",
        )


def _late(observed: Observed, sums: Sums) -> Iterator[Finding]:
    if sums.late > SHARE * sums.sent:
        yield Finding(
            "late",
            "alarm",
            "Clicks come late",
            f"{sums.late:,} of {sums.sent:,} clicks are later than {observed.window_s:g} s after "
            "their impression, by the times in the events.",
            "Check the clocks of whoever sets `ts`, or raise SLATESTREAM_ATTRIBUTION_WINDOW_S.",
        )


def _letters(observed: Observed, _sums: Sums) -> Iterator[Finding]:
    """Events that were refused, by topic: how many, and why most were."""
    for topic in ("impressions", "clicks", "slates"):
        outcomes = observed.funnel.get(topic, {})
        refused = outcomes.get("rejected", 0)
        if not refused:
            continue
        most = next((f": {why}" for name, why, _n in observed.letters if name.endswith(topic)), "")
        yield Finding(
            "rejected",
            "alarm" if refused > SHARE * events_of(outcomes) else "warning",
            f"Events of {topic} are refused",
            f"{refused:,} of {events_of(outcomes):,} became dead letters{most}.",
            "Read them under Dead letters, mend the producer, and send them again with "
            "`slatestream dead-letters --resend`.",
        )


def _positions(observed: Observed, _sums: Sums) -> Iterator[Finding]:
    seen = observed.sample.get(True)
    if seen is not None and seen.positions >= 20 and seen.at_top == 0:
        yield Finding(
            "positions",
            "warning",
            "No position is 0",
            f"The last {seen.positions} impressions hold no position 0, the top of a slate. "
            "Positions that count from 1 make every item look less examined than it was.",
            "Count positions from 0.",
        )


def _quality(observed: Observed, _sums: Sums) -> Iterator[Finding]:
    for topic in ("impressions", "clicks"):
        outcomes = observed.funnel.get(topic, {})
        twice, events = outcomes.get("duplicate", 0), events_of(outcomes)
        if events >= 20 and twice > events / 2:
            yield Finding(
                "duplicates",
                "warning",
                f"Most {topic} come twice",
                f"{twice:,} of {events:,} say what was said before: the same slate_id and item_id.",
                "Make a slate_id for every slate that is shown.",
            )
        beyond = outcomes.get("unknown_item", 0)
        if beyond:
            yield Finding(
                "unknown-items",
                "warning",
                f"{topic.capitalize()} of items that nobody describes",
                f"{beyond:,} events do not count: there are too many items that stand in no "
                "record of `items`.",
                "Produce the items to `items`, or raise SLATESTREAM_MAX_UNKNOWN_ITEMS.",
            )
    if observed.fallbacks:
        yield Finding(
            "fallback",
            "alarm",
            "Slates in random order go out",
            f"{observed.fallbacks:,} slates could not be made by the policy since this process "
            "started.",
            "Its log says what failed.",
        )
    for version, reason in observed.refused:
        yield Finding(
            "release",
            "warning",
            f"Encoder release {version} is not in force",
            reason[:1].upper() + reason[1:] + ".",
            "See Releases.",
        )


def _some(slates: frozenset[str]) -> str:
    return ", ".join(sorted(each[:40] for each in slates)[:2])


def _outcomes(observed: Observed, _sums: Sums) -> Iterator[Finding]:
    """What makes a comparison of variants worthless."""
    yield from observed.outcomes


_LOOKS: tuple[Callable[[Observed, Sums], Iterator[Finding]], ...] = (
    _ready,
    _counting,
    _flow,
    _partitioner,
    _unmatched,
    _whole,
    _late,
    _letters,
    _outcomes,
    _positions,
    _quality,
)
