"""Client and AsyncClient: the same calls, waited for in two ways."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from streams.client.errors import ClientError
from streams.client.events import click_of, impression_of, item_lines, request_of
from streams.client.way import Way
from streams.contract.events import Item, Slate, SlateItem, SlateRequest

T = TypeVar("T")
TIMEOUT_S = 5.0


class _Ways:
    """What both clients have: how they are made, and what they do when nobody answers."""

    def __init__(self, way: Way, timeout_s: float = TIMEOUT_S) -> None:
        self._way = way
        self._timeout_s = timeout_s

    @classmethod
    def http(
        cls, url: str = "http://localhost:6066", token: str = "", timeout_s: float = TIMEOUT_S
    ) -> Self:
        """By HTTP to a serving process, or to a balancer before several.

        Parameters
        ----------
        url, token
            Where, and `SLATESTREAM_HTTP_TOKEN` or the public one.
        timeout_s
            Seconds that a call may take.
        """
        from streams.client.http_way import HttpWay

        return cls(HttpWay(url, token, timeout_s), timeout_s)

    @classmethod
    def kafka(
        cls,
        servers: str = "localhost:9092",
        prefix: str = "",
        timeout_s: float = TIMEOUT_S,
        **config: Any,
    ) -> Self:
        """By Kafka: requests to `slate-requests`, answers from `slates`.

        Parameters
        ----------
        servers, prefix
            Bootstrap servers, and `SLATESTREAM_TOPIC_PREFIX`.
        timeout_s
            Seconds that a call may take.
        config
            More for librdkafka, with `_` for `.`: `security_protocol="SSL"`.

        Raises
        ------
        ClientError
            If the topics cannot be read.
        """
        from streams.client.kafka_way import KafkaWay, client_config

        return cls(KafkaWay(client_config(servers, config), prefix), timeout_s)

    @classmethod
    def local(
        cls,
        servers: str = "localhost:9092",
        prefix: str = "",
        segment_fields: Sequence[str] = (),
        timeout_s: float = TIMEOUT_S,
        **config: Any,
    ) -> Self:
        """In this process, from `segment-slates`, which is followed; events go to Kafka.

        Wrong tool when a request says more than user, k, segment and context: nobody filters here.

        Parameters
        ----------
        servers, prefix, timeout_s, config
            As for `kafka`.
        segment_fields
            Those of `SLATESTREAM_SEGMENT_FIELDS`: what `context` makes a segment of.

        Raises
        ------
        ClientError
            If the topic cannot be read.
        """
        from streams.client.kafka_way import client_config
        from streams.client.local_way import LocalWay

        return cls(LocalWay(client_config(servers, config), prefix, segment_fields), timeout_s)

    def _late(self, what: str) -> ClientError:
        return ClientError(
            f"expected {what} within {self._timeout_s:g} s, found none; is a serving process "
            "running (`slatestream doctor`)?"
        )


class Client(_Ways):
    """Every call waits for its answer. Any thread may call. Use it in `with`, or `close` it."""

    def slate(self, user: str, k: int = 10, **wishes: Any) -> Slate:
        """The slate of a user.

        Parameters
        ----------
        user, k
            Whose, and how many items.
        wishes
            Other fields of a slate request: `segment`, `context`, `candidates`, `exclude`,
            `filter`, `pin`, `objectives`, `fields`, `request_id`.

        Raises
        ------
        ClientError
            For a request that cannot be answered, or an answer that does not come.
        """
        request = request_of(user, k, wishes)
        found = self._way.ask(request)
        return found if isinstance(found, Slate) else self._wait(found, "a slate", request)

    def seen(self, slate: Slate, items: Iterable[SlateItem] | None = None) -> None:
        """The user saw a slate, or some of its items.

        Raises
        ------
        ClientError
            Where Kafka does not get it.
        """
        self._wait(self._way.send([impression_of(slate, items)]), "a receipt")

    def click(self, slate: Slate, item: SlateItem | str) -> None:
        """The user clicked an item of a slate; raises as `seen`."""
        self._wait(self._way.send([click_of(slate, item)]), "a receipt")

    def convert(
        self,
        slate: Slate,
        item: SlateItem | str,
        value: float | None = None,
        event_id: str | None = None,
    ) -> None:
        """The user bought, say, an item of a slate; raises as `seen`. With an `event_id` several
        conversions of one item count, each once; their values add up.
        """
        line = click_of(slate, item, "conversion", value, event_id)
        self._wait(self._way.send([line]), "a receipt")

    def put_items(self, items: Sequence[Item | Mapping[str, Any]]) -> None:
        """Describe items, or describe them anew; raises as `seen`."""
        self._wait(self._way.send(item_lines(items)), "a receipt")

    def close(self) -> None:
        """Hand over what is under way, and end."""
        self._way.close()

    def _wait(self, future: Future[T], what: str, request: SlateRequest | None = None) -> T:
        try:
            return future.result(self._timeout_s)
        except TimeoutError:
            if request is not None:
                self._way.forget(request)
            raise self._late(what) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(_Ways):
    """`Client` for asyncio: every call is awaited. Use it in `async with`, or await `close`."""

    async def slate(self, user: str, k: int = 10, **wishes: Any) -> Slate:
        """As `Client.slate`."""
        request = request_of(user, k, wishes)
        found = self._way.ask(request)
        return found if isinstance(found, Slate) else await self._wait(found, "a slate", request)

    async def seen(self, slate: Slate, items: Iterable[SlateItem] | None = None) -> None:
        """As `Client.seen`."""
        await self._wait(self._way.send([impression_of(slate, items)]), "a receipt")

    async def click(self, slate: Slate, item: SlateItem | str) -> None:
        """As `Client.click`."""
        await self._wait(self._way.send([click_of(slate, item)]), "a receipt")

    async def convert(
        self,
        slate: Slate,
        item: SlateItem | str,
        value: float | None = None,
        event_id: str | None = None,
    ) -> None:
        """As `Client.convert`."""
        line = click_of(slate, item, "conversion", value, event_id)
        await self._wait(self._way.send([line]), "a receipt")

    async def put_items(self, items: Sequence[Item | Mapping[str, Any]]) -> None:
        """As `Client.put_items`."""
        await self._wait(self._way.send(item_lines(items)), "a receipt")

    async def close(self) -> None:
        """As `Client.close`."""
        await asyncio.to_thread(self._way.close)

    async def _wait(self, future: Future[T], what: str, request: SlateRequest | None = None) -> T:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout_s)
        except TimeoutError:
            raise self._late(what) from None
        finally:
            if request is not None and not future.done():
                self._way.forget(request)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
