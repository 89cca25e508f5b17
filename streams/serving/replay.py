"""Replay: a slate that was served, made again. The terms of its scores; what could not be in it;
and whether the same request gets the same slate now.

    same       from the same state: items, scores and propensities are equal
    other      from the same state another slate: its user has clicked since, in a policy that looks
               at that
    newer      counts, items or encoder have changed since, so it need not be the same
"""

import time

import msgspec

from bandits.slates.redo import terms
from streams.contract.events import EventError, Slate, SlateRequest
from streams.contract.http import Filtered, Replay, ScoreTerms
from streams.serving.explain import explain
from streams.serving.responder import NotReady, Responder


def score_terms(responder: Responder, slate: Slate, request: SlateRequest) -> list[ScoreTerms]:
    """Terms of every item's score."""
    config = responder.assigned(request).variant.config
    found = []
    for item in slate.items:
        own = terms(config, request.objectives, item.why, item.score)  # type: ignore[arg-type]
        found.append(ScoreTerms(item.item_id, own, sum(own.values())))
    return found


def filtered(responder: Responder, request: SlateRequest) -> tuple[int, list[Filtered]]:
    """How many items are eligible for a request now, and the others by reason."""
    state = responder.state
    if state is None:
        return 0, []
    return explain(state, responder.source, request, responder.assigned(request).variant.name)


def replay(responder: Responder, slate: Slate, request: SlateRequest) -> Replay:
    """Make it again, beside the event loop; nobody hears of the new one."""
    try:
        again = responder.answer(request, time.time())
    except (NotReady, EventError):
        return "newer"
    if again is None or _versions(again) != _versions(slate):
        return "newer"
    return "same" if _shown(again) == _shown(slate) else "other"


def _versions(slate: Slate) -> tuple[object, ...]:
    return slate.counts_ts, slate.encoder, slate.policy_version, slate.segment


def _shown(slate: Slate) -> bytes:
    return msgspec.json.encode(slate.items)
