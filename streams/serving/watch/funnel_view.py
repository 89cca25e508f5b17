"""FunnelView: what became of the events of every partition, from the counts changelog.

Lives in the builder's thread; others read what it last made, by reference.
"""

from collections.abc import Iterable, Mapping

from confluent_kafka import Message

from streams.contract.funnel_rows import FUNNEL_KEY, Funnel, decode_funnel, summed


class FunnelView:
    """The last funnel row of each partition.

    Attributes
    ----------
    funnel
        Events by topic and outcome, over all partitions.
    counted_s
        When each partition last counted something.
    """

    def __init__(self) -> None:
        self.funnel: Funnel = {}
        self.counted_s: dict[int, float] = {}
        self._rows: dict[int, Funnel] = {}

    def apply(self, records: Iterable[Message], _now_s: float = 0.0) -> None:
        """Records of the counts changelog, in order."""
        changed = False
        for record in filter(_is_funnel, records):
            partition = record.partition() or 0
            self._rows[partition] = decode_funnel(record.value() or b"")
            _kind, at_ms = record.timestamp()
            self.counted_s = {**self.counted_s, partition: at_ms / 1000}
            changed = True
        if changed:
            self.funnel = summed(self._rows.values())


def _is_funnel(record: Message) -> bool:
    return record.key() == FUNNEL_KEY and record.value() is not None


def now_waiting(outcomes: Mapping[str, int]) -> int:
    """Of one topic's outcomes: events that wait now, for an impression or a slate."""
    gone = outcomes.get("settled", 0) + outcomes.get("orphan", 0)
    return max(0, outcomes.get("waiting", 0) - gone)
