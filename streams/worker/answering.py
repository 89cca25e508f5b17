"""Answering: the requests of a chunk become slates on their way out, noted in the slate log."""

import time

from streams.contract.events import encode, seconds
from streams.counting.chunk import Chunk
from streams.counting.ingest import open_chunk
from streams.counting.partition import Partition
from streams.counting.rules import Rules
from streams.counting.served import note_slate
from streams.metrics import Metrics
from streams.serving.replies import Replies
from streams.serving.responder import Responder


class Answering:
    """Where answers go, and what tells of them."""

    def __init__(
        self, responder: Responder, replies: Replies, topic: str, metrics: Metrics
    ) -> None:
        self._responder = responder
        self._replies = replies
        self._topic = topic
        self._metrics = metrics

    def answer(self, partition: Partition, chunk: Chunk, rules: Rules, now_s: float) -> None:
        """Answer a chunk of requests and note the slates in the partition's log."""
        began = time.perf_counter()
        requests = open_chunk(partition, chunk, now_s)
        slates = self._responder.slates(requests, rules.segment_fields, now_s)
        for request, slate in zip(requests, slates, strict=True):
            note_slate(
                partition,
                slate.slate_id,
                slate.segment,
                slate.policy_version,
                seconds(request.ts),
                rules,
                now_s,
            )
            self._replies.send(self._topic, request.user_id.encode(), encode(slate))
        took_s = time.perf_counter() - began
        self._metrics.requests.inc(len(requests))
        for _ in requests:
            self._metrics.request_s.observe(took_s)
