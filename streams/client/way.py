"""Way: how a client reaches slatestream; what `Client` and `AsyncClient` share."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

from streams.contract.events import Slate, SlateRequest


class Line(NamedTuple):
    """One event on its way: topic without prefix, key, JSON."""

    topic: str
    key: str
    event: bytes


class Way(Protocol):
    """Calls return at once; a future is done, or failed with `ClientError`, when the answer is
    there.
    """

    def ask(self, request: SlateRequest) -> Slate | Future[Slate]:
        """The slate of a request."""

    def forget(self, request: SlateRequest) -> None:
        """Nobody waits for its slate any more."""

    def send(self, lines: Sequence[Line]) -> Future[None]:
        """Events; done when Kafka has them all."""

    def close(self) -> None:
        """Hand over what is under way, and end."""
