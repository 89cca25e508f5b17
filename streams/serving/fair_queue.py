"""FairQueue: clients take turns, whatever each of them sends.

    put(a, 1) put(a, 2) put(a, 3) put(b, 4)    ->    1 4 2 3

Whoever comes waits for one thing of each other client, not for all that they have sent: round robin
(Nagle, 1985, On Packet Switches With Infinite Storage, RFC 970). Wrong tool where clients can be
invented: each invented one has a turn of its own.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class FairQueue(Generic[Thing]):
    """Things by client; those of one client in order. Not for several threads."""

    def __init__(self) -> None:
        self._by_client: OrderedDict[str, deque[Thing]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, client: str, thing: Thing) -> None:
        """Add a client's next thing; a client that has none there comes last."""
        self._by_client.setdefault(client, deque()).append(thing)
        self._size += 1

    def take(self) -> Thing | None:
        """The oldest thing of the client whose turn it is; None if there is nothing."""
        if not self._by_client:
            return None
        client, own = self._by_client.popitem(last=False)
        thing = own.popleft()
        if own:
            self._by_client[client] = own
        self._size -= 1
        return thing

    def take_all(self, which: Callable[[Thing], bool]) -> list[Thing]:
        """Take these out, as they would have come; the others stay in their order."""
        clients, found = list(self._by_client), list[Thing]()
        kept = {
            client: [each for each in self._by_client[client] if not which(each)]
            for client in clients
        }
        while self._by_client:
            thing = self.take()
            if thing is not None and which(thing):
                found.append(thing)
        for client in clients:
            for each in kept[client]:
                self.put(client, each)
        return found
