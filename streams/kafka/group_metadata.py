"""Group metadata: under whose name a transaction commits offsets, as librdkafka serialises it.

`streams.kafka.transaction.check_group_metadata` holds them against those that it writes.
"""

import struct
from typing import NamedTuple


class Owner(NamedTuple):
    """Under whose name offsets are committed: the state's, not the worker's current one."""

    group: str
    generation: int
    member: str


def group_metadata(owner: Owner) -> bytes:
    """The consumer group's metadata as librdkafka serialises it, version 2, without static
    membership.

    `CGMDv2:` | generation i32 little-endian | group, 0 | member, 0 | 1 (no instance id)
    """
    return (
        b"CGMDv2:"
        + struct.pack("<i", owner.generation)
        + owner.group.encode()
        + b"\0"
        + owner.member.encode()
        + b"\0\x01"
    )
