"""KafkaWay: a client's calls over Kafka. One thread hears of deliveries, one reads `slates`.

The reader is at the end of every partition before the first request goes, so no answer is missed.
It reads the slates of all users, and decodes those of users who wait.
"""

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message

from streams.client.errors import ClientError
from streams.client.way import Line
from streams.contract.events import EventError, Slate, SlateRequest, decode_slate, encode
from streams.contract.topics import TopicNames
from streams.kafka.admin import TopicsError
from streams.kafka.producer import EventSender
from streams.kafka.topic_reader import TopicReader

log = logging.getLogger(__name__)

T = TypeVar("T")
POLL_S = 0.1
CLOSE_S = 5.0


def client_config(servers: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What every client of librdkafka starts from: `_` in names stands for `.`."""
    return {
        "bootstrap.servers": servers,
        "log_level": 2,
        **{name.replace("_", "."): value for name, value in config.items()},
    }


@contextlib.contextmanager
def said_as_client_error() -> Iterator[None]:
    """What the brokers, or topics that are not there, have to say."""
    try:
        yield
    except KafkaException as error:
        raise ClientError(error.args[0].str()) from None
    except TopicsError as error:
        raise ClientError(str(error)) from None


def settle(future: Future[T], result: T) -> None:
    """Set a result, unless nobody waits any more."""
    with contextlib.suppress(InvalidStateError):
        future.set_result(result)


def fail(future: Future[Any], error: ClientError) -> None:
    """Set a failure, unless nobody waits any more."""
    with contextlib.suppress(InvalidStateError):
        future.set_exception(error)


class KafkaSender:
    """Events to their topics; futures are done when the brokers have them."""

    def __init__(self, client: Mapping[str, Any], prefix: str) -> None:
        self._prefix = prefix
        self._sender = EventSender(client, prompt=True)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slatestream-send", daemon=True)
        self._thread.start()

    def send(self, lines: Sequence[Line]) -> Future[None]:
        """See `streams.client.way.Way.send`."""
        future: Future[None] = Future()
        left = len(lines)
        if not left:
            future.set_result(None)

        def delivered(error: KafkaError | None, record: Message) -> None:
            nonlocal left
            left -= 1
            if error is not None:
                fail(future, ClientError(f"topic {record.topic()}: {error.str()}"))
            elif left == 0:
                settle(future, None)

        try:
            for line in lines:
                topic, key = self._prefix + line.topic, line.key.encode()
                self._sender.send(topic, key, line.event, delivered)
        except KafkaException as error:
            fail(future, ClientError(error.args[0].str()))
        return future

    def close(self) -> None:
        """Wait for what is under way, a while."""
        self._ending.set()
        self._thread.join(CLOSE_S)
        self._sender.producer.flush(CLOSE_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._sender.poll(POLL_S)


class KafkaWay:
    """See `streams.client.way.Way`; `client` is librdkafka's configuration."""

    def __init__(self, client: Mapping[str, Any], prefix: str) -> None:
        slates = TopicNames(prefix).slates
        with said_as_client_error():
            self._reader = TopicReader(client, slates, from_end=True, patient=True)
        self._sender = KafkaSender(client, prefix)
        self._lock = threading.Lock()
        self._waiting: dict[str, Future[Slate]] = {}  # by request_id
        self._users: Counter[bytes] = Counter()  # who wait
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slatestream-read", daemon=True)
        self._thread.start()

    def ask(self, request: SlateRequest) -> Future[Slate]:
        """To `slate-requests`."""
        future: Future[Slate] = Future()
        with self._lock:
            if request.request_id in self._waiting:
                msg = f"expected a new `request_id`, found {request.request_id!r}, under way"
                raise ClientError(msg)
            self._waiting[request.request_id] = future
            self._users[request.user_id.encode()] += 1
        sent = self._sender.send([Line("slate-requests", request.user_id, encode(request))])

        def failed(done: Future[None]) -> None:
            error = done.exception()
            if isinstance(error, ClientError):
                self.forget(request)
                fail(future, error)

        sent.add_done_callback(failed)
        return future

    def forget(self, request: SlateRequest) -> None:
        """Wait no more for its slate."""
        self._take(request.request_id, request.user_id.encode())

    def send(self, lines: Sequence[Line]) -> Future[None]:
        """To the topics."""
        return self._sender.send(lines)

    def close(self) -> None:
        """Leave the brokers."""
        self._ending.set()
        self._thread.join(CLOSE_S)
        self._sender.close()

    def _take(self, request_id: str, user: bytes) -> Future[Slate] | None:
        with self._lock:
            future = self._waiting.pop(request_id, None)
            if future is not None:
                self._users[user] -= 1
                if not self._users[user]:
                    del self._users[user]
        return future

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                for record in self._reader.batch(POLL_S):
                    user = record.key() or b""
                    if user in self._users:
                        self._hear(user, record)
        except KafkaException as error:
            reason = error.args[0].str()
            log.error("answers cannot be read: %s", reason)
            with self._lock:
                waiting, self._waiting = self._waiting, {}
            for future in waiting.values():
                fail(future, ClientError(f"answers cannot be read: {reason}"))
        finally:
            self._reader.close()

    def _hear(self, user: bytes, record: Message) -> None:
        try:
            slate = decode_slate(record.value())
        except EventError:  # somebody else's
            return
        future = self._take(slate.slate_id, user)
        if future is not None:
            settle(future, slate)
