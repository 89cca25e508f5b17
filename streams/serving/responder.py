"""Responder: slate requests to slates. All requests of a chunk are scored together, segment by
segment, from snapshots.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits.slates.config import SlateConfig
from bandits.slates.serve import Request, SlateResult, compose
from streams.contract.events import Slate, SlateItem, SlateRequest
from streams.contract.segments import context_segment
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import CountsView
from streams.serving.served_state import Prepared, ServedStates, numbers
from streams.serving.user_profiles import UserProfiles


class Responder:
    """Answers from the views; the random generator is an argument, so that a replay draws what it
    drew.
    """

    def __init__(
        self,
        config: SlateConfig,
        counts: CountsView,
        catalogue: CatalogueView,
        snapshots: ServedStates,
        users: UserProfiles,
        rng: np.random.Generator,
    ) -> None:
        self.config = config
        self.counts = counts
        self.catalogue = catalogue
        self.users = users
        self.snapshots = snapshots
        self._rng = rng

    def slates(
        self, requests: Sequence[SlateRequest], segment_fields: Sequence[str], now_s: float
    ) -> list[Slate]:
        """One slate for each request, in their order."""
        by_segment: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            segment = request.segment or context_segment(request.context, segment_fields)
            by_segment.setdefault(segment, []).append(place)
        slates: dict[int, Slate] = {}
        for segment, places in by_segment.items():
            wanted = [requests[place] for place in places]
            candidates = [self._candidates(request) for request in wanted]
            most = max(
                (int(named[-1]) for named in candidates if named is not None and named.size),
                default=-1,
            )
            prepared = self.snapshots.get(segment, now_s, most)
            asked = [
                self._ask(request, named, prepared)
                for request, named in zip(wanted, candidates, strict=True)
            ]
            results = compose(prepared.snapshot, asked, self._rng)
            for place, request, result in zip(places, wanted, results, strict=True):
                slates[place] = self._slate(request, segment, result, prepared.world.encoder, now_s)
        return [slates[place] for place in range(len(requests))]

    def _candidates(self, request: SlateRequest) -> NDArray[np.int64] | None:
        """Numbers of the items that a request names and that can be shown; None if it
        names none.
        """
        if request.candidates is None:
            return None
        return numbers(
            self.counts.items.number(item_id)
            for item_id in request.candidates
            if self.catalogue.may_show(item_id)
        )

    def _ask(
        self, request: SlateRequest, candidates: NDArray[np.int64] | None, prepared: Prepared
    ) -> Request:
        n_items = prepared.world.counts.impressions.shape[1]
        exclude = numbers(self.counts.items.get(item_id) for item_id in request.exclude or ())
        # subtle: the vectors of the snapshot, not those in force now: a release of another length
        # may have been swapped since
        profile = self.users.vector(
            request.user_id, prepared.world.catalogue.vectors, self.counts.items
        )
        return Request(request.k, candidates, exclude[exclude < n_items], profile)

    def _slate(
        self,
        request: SlateRequest,
        segment: str,
        result: SlateResult,
        encoder: str | None,
        now_s: float,
    ) -> Slate:
        names = self.counts.items.names
        places: Iterable[tuple[Any, ...]] = zip(
            result.items.tolist(),
            result.scores.tolist(),
            result.propensities.tolist(),
            result.why,
            strict=True,
        )
        items = [
            SlateItem(names[item], at, score, propensity, why)
            for at, (item, score, propensity, why) in enumerate(places)
        ]
        return Slate(
            slate_id=request.request_id,
            request_id=request.request_id,
            user_id=request.user_id,
            segment=segment,
            policy=result.policy,
            policy_version=self.config.version,
            encoder=encoder,
            items=items,
            ts=now_s,
        )
