"""Partitioner: which partition a key belongs to, as Java's clients and librdkafka's
`murmur2_random` have it.

    partition = (murmur2(key) & 0x7fffffff) mod n

Apache Kafka, org.apache.kafka.common.utils.Utils.murmur2: MurmurHash2 (Austin Appleby) with the
seed 0x9747b28c.
"""

_MIX, _SHIFT, _SEED, _WORD = 0x5BD1E995, 24, 0x9747B28C, 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash, as an unsigned number of 32 bits."""
    length = len(data)
    found = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _MIX & _WORD
        k = (k ^ k >> _SHIFT) * _MIX & _WORD
        found = (found * _MIX & _WORD) ^ k
    if whole < length:
        found = (found ^ int.from_bytes(data[whole:], "little")) * _MIX & _WORD
    found = (found ^ found >> 13) * _MIX & _WORD
    return found ^ found >> 15


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, of so many."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
