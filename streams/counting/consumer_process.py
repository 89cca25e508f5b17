"""ConsumerProcess: a consumer in a process of its own, with its calls for the event loop.

Python counts on one core at a time. A worker that counts would spend more than half of its time
with reading and parsing records; a second process does that on another core, and hands over what is
left to be counted.

    worker -> process    length u32 | pickle of (name of a call, arguments, numbers of chunks that
                         are counted), one call after the other
    process -> worker    for each call one byte and a file descriptor: the answer (`packing`) lies
                         in memory that both see

The process numbers the chunks that it hands over, and keeps their records until they are counted:
one that is refused then is asked for. It ends with its worker, by the end of its socket; a worker
whose process has ended cannot go on and says so.
"""

import asyncio
import contextlib
import gc
import itertools
import mmap
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from typing import Any

from streams.counting.chunk import Original
from streams.counting.codec import ConsumerError, pack, unpack
from streams.counting.consumer import ChunkConsumer, Consumed, ConsumerConfig

GC_THRESHOLD = (100_000, 20, 100)  # as in the worker (`streams.worker.garbage`)
CLOSE_S = 10.0  # for a consumer to leave the brokers
LAST_S = 1.0  # from the end of the socket to the end of the process
_LENGTH = struct.Struct("<I")


class ConsumerProcess:
    """A consumer in a process of its own, from `start` on; calls are answered in their order, and
    `gone` is told when the process has ended by itself.
    """

    def __init__(self, reading: ConsumerConfig, gone: Callable[[str], None]) -> None:
        self._reading = reading
        self._gone = gone
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: socket.socket
        self._process: subprocess.Popen[bytes] | None = None
        self._chunks = 0
        self._counted: list[int] = []

    def start(self) -> None:
        """Start the process; it gets ready beside what else the worker has to do before
        it reads.
        """
        self._socket, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            # subtle: not by `multiprocessing`: its child imports the parent's main module, and that
            # is all of Faust
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.counting.consumer_process", str(number)],
                pass_fds=[number],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                },
            )
        self._send(self._reading)

    async def call(self, name: str, *args: Any) -> Any:
        """What the consumer's method of this name gives.

        Raises
        ------
        ConsumerError
            If the call failed there, or the process has ended.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._socket, self._answered)
        return await self._ask(self._loop, name, *args)

    def original(self, number: int, at: int) -> Original:
        """Record `at` of chunk `number`, now: what is being read is waited for."""
        if self._loop is None:
            msg = "expected a chunk that was read, found no reading"
            raise RuntimeError(msg)
        future = self._ask(self._loop, "original", number, at)
        while not future.done():
            self._answered()
        original: Original = future.result()
        return original

    async def close(self) -> None:
        """Leave the brokers; the last call."""
        if self._process is None:
            return
        with contextlib.suppress(ConsumerError, TimeoutError):
            await asyncio.wait_for(self.call("close"), CLOSE_S)
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
        self._socket.close()  # the process ends by that
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, loop: asyncio.AbstractEventLoop, name: str, *args: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(future)
        counted, self._counted = self._counted, []
        try:
            self._send((name, args, counted))
        except OSError:
            self._ended()
        return future

    def _send(self, message: Any) -> None:
        data = pickle.dumps(message)
        self._socket.sendall(_LENGTH.pack(len(data)) + data)

    def _answered(self) -> None:
        """Take the next answer, or wait for it."""
        try:
            byte, files, _flags, _address = socket.recv_fds(self._socket, 1, 1)
        except OSError:
            byte, files = b"", []
        if not byte or not files:
            self._ended()
            return
        future = self._waiting.popleft()
        with (
            os.fdopen(files[0], "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory,
            memoryview(memory) as data,
        ):
            try:
                answer = unpack(data, self._next_chunk)
            except ConsumerError as error:
                if not future.cancelled():
                    future.set_exception(error)
                return
        if not future.cancelled():
            future.set_result(answer)

    def _next_chunk(self) -> "Kept":
        self._chunks += 1
        return Kept(self, self._chunks)

    def let_go(self, number: int) -> None:
        """Chunk `number` will not be asked for."""
        self._counted.append(number)

    def _ended(self) -> None:
        """Every call fails, now and later."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(LAST_S)
        status = self._process and self._process.returncode
        reason = f"the process that reads records has ended with status {status}"
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(ConsumerError(reason))
        self._gone(reason)


class Kept:
    """Finds the records of a chunk; while it lives, the process keeps them."""

    def __init__(self, consumer: ConsumerProcess, number: int) -> None:
        self._consumer, self._number = consumer, number

    def __call__(self, at: int) -> Original:
        """Record `at` of the chunk."""
        return self._consumer.original(self._number, at)

    def __del__(self) -> None:
        self._consumer.let_go(self._number)


# ---- in the process


def main(number: int) -> None:
    """Answer calls until the worker has gone."""
    # a terminal sends it to both; the worker decides when to end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=number) as link:
        stream = link.makefile("rb")
        reading = _received(stream)
        if reading is None:
            return
        consumer = ChunkConsumer(reading)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)
        kept: dict[int, Callable[[int], Original]] = {}
        chunks = itertools.count(1)
        while (message := _received(stream)) is not None:
            name, args, counted = message
            for number in counted:
                kept.pop(number)
            try:
                if name == "original":
                    answer = kept[args[0]](args[1])
                else:
                    answer = getattr(consumer, name)(*args)
                parts = pack(answer)
                if isinstance(answer, Consumed):
                    kept.update((next(chunks), chunk.original) for chunk in answer.chunks)
            except Exception as error:  # whatever it is, the worker must hear of it
                parts = pack(None, f"{type(error).__name__}: {error}")
            try:
                _answer(link, parts)
            except OSError:
                return


def _received(stream: Any) -> Any:
    """The next message; None at the end."""
    try:
        head = stream.read(_LENGTH.size)
    except ConnectionError:  # an answer was on its way to a worker that was killed
        return None
    if len(head) < _LENGTH.size:
        return None
    return pickle.loads(stream.read(_LENGTH.unpack(head)[0]))


def _answer(link: socket.socket, parts: list[bytes]) -> None:
    with _memory() as file:
        for part in parts:
            file.write(part)
        file.flush()
        socket.send_fds(link, [b"a"], [file.fileno()])


def _memory() -> Any:
    """A file that lies in memory where the system has such, and has no name."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("slatestream-chunks"), "wb")
    return tempfile.TemporaryFile()


if __name__ == "__main__":
    main(int(sys.argv[1]))
    os._exit(0)  # the consumer's threads may wait for brokers
