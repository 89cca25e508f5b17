"""Served slates: what the log of a partition keeps of a slate that this project made. Pure
functions, as in `attribution`.

Its segment holds for impressions that do not name one, and what it offered for an impression of the
whole slate, which waits for the slate where it came before.
"""

from collections.abc import Iterable

from streams.contract.outcome_rows import HOUR_S
from streams.counting.chunk import IMPRESSIONS, SLATES, Offered, Refusal
from streams.counting.impressions import count_whole
from streams.counting.outcomes import DUPLICATE, NOTED, SETTLED
from streams.counting.partition import Partition
from streams.counting.places import count_before
from streams.counting.rows import Made
from streams.counting.rules import Rules
from streams.counting.slate_log import extend, horizon, open_row


def note_slates(
    partition: Partition, slates: Iterable[Offered], rules: Rules, now_s: float
) -> list[Refusal]:
    """Note slates of one partition, in order; the first of one slate_id holds, as it does for who
    asked. None is refused. `now_s` bounds stream time.
    """
    newest_s, lives_s = 0.0, 2 * rules.attribution_window_s
    names = partition.names
    for slate in slates:
        newest_s = max(newest_s, slate.ts)
        expires_s = max(slate.ts, horizon(partition)) + lives_s
        row = open_row(partition, slate.slate_id, expires_s, rules)
        if row.policy is not None:
            partition.note(SLATES, DUPLICATE, row.segment or "")
            continue
        # subtle: one string for each name; see `Partition.names`
        row.policy = names.setdefault(slate.policy, slate.policy)
        row.variant = names.setdefault(slate.variant, slate.variant)
        row.offered = slate.items
        if slate.share is not None:
            row.made = Made(
                int(slate.ts // HOUR_S),
                slate.user_group,
                slate.share,
                slate.slots,
                slate.explored,
                slate.given_up,
            )
        partition.funnel[SLATES, NOTED] += 1
        if row.segment is None:
            segment = partition.admission.look_up(slate.segment)
            row.segment = names.setdefault(segment, segment)
        extend(row, expires_s, rules)
        if rules.learn_places and row.items:
            count_before(partition, row)
        if row.whole is not None:
            partition.funnel[IMPRESSIONS, SETTLED] += 1
            count_whole(partition, row, rules, now_s)
    partition.stream_s[SLATES] = max(partition.stream_s.get(SLATES, 0.0), min(newest_s, now_s))
    return []
