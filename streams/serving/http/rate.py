"""Rate: a bucket of tokens for each address.

    tokens <- min(burst, tokens + per_s dt);   a request takes one

A burst is what one second brings. The address that was quiet for longest is forgotten first: what
it had left was then full again or nearly so.
"""

from collections import OrderedDict

MOST_ADDRESSES = 10_000


class RateLimit:
    """Requests a second from each address; 0 is no limit."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._burst = max(1.0, per_s)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str, now_s: float) -> float:
        """0 for a request that may go on, else when it may be tried again."""
        if self._per_s == 0:
            return 0.0
        tokens, at_s = self._buckets.pop(address, (self._burst, now_s))
        tokens = min(self._burst, tokens + self._per_s * (now_s - at_s))
        allowed = tokens >= 1.0
        self._buckets[address] = (tokens - 1.0 if allowed else tokens, now_s)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - tokens) / self._per_s


def address_of(remote: str | None, forwarded: str, proxies: int) -> str:
    """The client's address: what the outermost of our own proxies saw, since what stands before
    that in `X-Forwarded-For` a client can invent.

    >>> address_of("10.0.0.1", "1.1.1.1, 8.8.8.8", 1)
    '8.8.8.8'
    """
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    if proxies == 0 or not hops:
        return remote or ""
    return hops[max(0, len(hops) - proxies)]
