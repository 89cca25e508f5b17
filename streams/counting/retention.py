"""Retention: rows of counts that no event has touched for so long leave, in two flushes.

    1. the row becomes zero: what it loses stands in it as what it grew by, so that readers of the
       changelog, which keep sums and no rows, take it off
    2. a later flush removes the row, with a tombstone

A row is at rest once no feedback can come for what it counted: retention is longer than the windows
of attribution (`streams.config`), so no click finds its impression gone.
"""

import logging

from streams.contract.count_rows import decode_count, decode_count_key, touched_s
from streams.counting.partition import Partition

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 1000  # looked at: some milliseconds


def retire(partition: Partition, now_s: float, retention_s: float) -> int:
    """Look at some rows, from where the last call ended; nothing may be flushed meanwhile.

    Parameters
    ----------
    partition
        Whose rows in memory are those on its disk, but for those that changed since the last flush.
    now_s, retention_s
        Seconds since the epoch, and how long a row is kept that nothing touches.

    Returns
    -------
    Rows that became zero, or leave.
    """
    rows = partition.disk.counts(partition.retired_up_to, ROWS_AT_ONCE)
    retired = 0
    for key, value in rows:
        name = decode_count_key(key)
        if name in partition.dirty_counts:
            continue
        if not any(decode_count(value).totals()):
            partition.remove(name)  # 2
        elif touched_s(value) <= now_s - retention_s:
            partition.count(name).clear()  # 1
        else:
            continue
        retired += 1
    partition.retired += retired
    partition.retired_up_to = rows[-1][0] if len(rows) == ROWS_AT_ONCE else None
    if partition.retired_up_to is None:
        if partition.retired:
            said = "partition %d: %d rows of counts that nothing touched for %g s leave"
            log.info(said, partition.number, partition.retired, retention_s)
        partition.retired = 0
    return retired
