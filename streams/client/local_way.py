"""LocalWay: slates from `segment-slates`, made in this process.

    slate = one of the draws of the segment and of the user's variant, taken at random, cut to k
    items

Cut so, a place's propensity stays the share of the draws that have the item there. A segment
without draws of its own has those of `default`. A slate says no `request_id`, so impressions say
segment, places and propensities themselves. Users whom the policy file names are not known here:
they have the variant of their hash.
"""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from bandits.slates.variants import BASE, deal
from streams.client.errors import ClientError
from streams.client.kafka_way import CLOSE_S, POLL_S, KafkaSender, said_as_client_error
from streams.client.way import Line
from streams.contract.events import (
    EventError,
    Slate,
    SlateRequest,
)
from streams.contract.segment_slates import SegmentSlates, decode_segment_slates
from streams.contract.segments import DEFAULT_SEGMENT, context_segment
from streams.contract.topics import TopicNames
from streams.kafka.topic_reader import TopicReader

GROUP = "local"  # of slates that no serving process made
NOT_HERE = ("candidates", "exclude", "filter", "pin", "objectives", "fields")


class LocalWay:
    """See `streams.client.way.Way`.

    Parameters
    ----------
    client, prefix
        librdkafka's configuration, and that of the topics' names.
    segment_fields
        Context fields that make a segment.
    """

    def __init__(
        self, client: Mapping[str, Any], prefix: str, segment_fields: Sequence[str]
    ) -> None:
        self._fields = segment_fields
        self._slates: dict[str, SegmentSlates] = {}
        self._chance = random.Random()
        with said_as_client_error():
            self._reader = TopicReader(client, TopicNames(prefix).segment_slates, patient=True)
            for record in self._reader.until_end():
                self._take(record)
        self._sender = KafkaSender(client, prefix)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slatestream-follow", daemon=True)
        self._thread.start()

    def ask(self, request: SlateRequest) -> Slate:
        """A slate, at once."""
        for name in NOT_HERE:
            if getattr(request, name) is not None:
                msg = (
                    f"expected user, k, segment and context, found `{name}`: ask a serving process"
                )
                raise ClientError(msg)
        try:
            segment = request.segment or context_segment(request.context, self._fields)
        except EventError as error:
            raise ClientError(str(error)) from None
        found = self._slates.get(segment) or self._slates.get(DEFAULT_SEGMENT)
        if found is None:
            msg = (
                "expected slates of the segment or of `default` on segment-slates, found none; is "
                "a serving process running, with SLATESTREAM_SEGMENT_SLATES above 0?"
            )
            raise ClientError(msg)
        shares = ((name, each.share) for name, each in found.variants.items())
        variant = deal(found.salt, request.user_id, shares) if found.variants else None
        own = found if variant is None else found.variants[variant]
        return Slate(
            slate_id=request.request_id,
            request_id=None,
            user_id=request.user_id,
            group=GROUP,
            segment=segment,
            variant=variant or BASE,
            policy=own.policy,
            policy_version=own.policy_version,
            encoder=found.encoder,
            counts_ts=found.counts_ts,
            items=self._chance.choice(own.draws)[: request.k],
            ts=time.time(),
        )

    def forget(self, request: SlateRequest) -> None:
        """Nothing is waited for here."""

    def send(self, lines: Sequence[Line]) -> Future[None]:
        """To the topics."""
        return self._sender.send(lines)

    def close(self) -> None:
        """Leave the brokers."""
        self._ending.set()
        self._thread.join(CLOSE_S)
        self._sender.close()

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                for record in self._reader.batch(POLL_S):
                    self._take(record)
        finally:
            self._reader.close()

    def _take(self, record: Any) -> None:
        if record.value() is None:
            self._slates.pop((record.key() or b"").decode(errors="replace"), None)
            return
        try:
            found = decode_segment_slates(record.value())
        except EventError:  # somebody else's
            return
        if found.draws:
            self._slates[found.segment] = found
