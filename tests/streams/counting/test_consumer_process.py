"""The process that reads counts: it ends with its worker, its end is an error of the worker, and it
keeps no more than is waited for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.counting.codec import ConsumerError
from streams.counting.consumer import ConsumerConfig
from streams.counting.consumer_process import ConsumerProcess
from tests.streams.making import RULES
from tests.streams.topics_on import make_topic, produce

PLAN = ConsumerConfig({"bootstrap.servers": "127.0.0.1:1"}, 50, 10_000, 1000, RULES)


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_fetcher_whose_process_was_killed_fails_at_once_and_from_then_on() -> None:
    async def run() -> None:
        said: list[str] = []
        made = ConsumerProcess(PLAN, said.append)
        made.start()
        await made.call("assign", 1, {}, {}, {}, {})
        assert made._process is not None
        reading = asyncio.ensure_future(made.call("read"))
        await asyncio.sleep(0)
        made._process.kill()
        with pytest.raises(ConsumerError, match="the process that reads records has ended"):
            while True:
                await reading
                reading = asyncio.ensure_future(made.call("read"))
        assert said == ["the process that reads records has ended with status -9"]
        with pytest.raises(ConsumerError, match="has ended with status -9"):
            await made.call("read")
        await made.close()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_one_that_was_never_started_is_closed_without_ado() -> None:
    asyncio.run(ConsumerProcess(PLAN, pytest.fail).close())


def test_the_process_leaves_when_closed_and_ignores_signals_meant_for_its_worker() -> None:
    async def run() -> int:
        made = ConsumerProcess(PLAN, pytest.fail)
        made.start()
        await made.call("assign", 1, {}, {}, {}, {})
        assert made._process is not None
        pid = made._process.pid
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
        assert (await made.call("read")).chunks == []
        await made.close()
        assert made._process.returncode == 0
        return pid

    assert gone(asyncio.run(asyncio.wait_for(run(), 30)))


def test_the_process_ends_with_a_worker_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "import asyncio, sys\n"
        "from streams.counting.consumer import ConsumerConfig\n"
        "from streams.counting.consumer_process import ConsumerProcess\n"
        "from streams.counting.rules import Rules\n"
        "async def run():\n"
        "    config = ConsumerConfig({'bootstrap.servers': '127.0.0.1:1'}, 50, "
        "10_000, 1000, Rules(1.0, 1.0))\n"
        "    made = ConsumerProcess(config, print)\n"
        "    made.start()\n"
        "    await made.call('assign', 1, {}, {}, {}, {})\n"
        "    print(made._process.pid, flush=True)\n"
        "    while True:\n"
        "        await made.call('read')\n"
        "asyncio.run(run())\n"
    )
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    ) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        worker.kill()
    assert gone(pid)


@pytest.mark.local
def test_records_of_a_chunk_that_was_let_go_are_not_kept(local_broker: str) -> None:
    topic = make_topic(local_broker)
    produce(local_broker, topic, [(0, b"k", b"{")] * 10)

    async def run() -> None:
        made = ConsumerProcess(
            PLAN._replace(client={"bootstrap.servers": local_broker}), pytest.fail
        )
        made.start()
        try:
            await made.call("assign", 1, {topic: "clicks"}, {(topic, 0): 0}, {}, {})
            while not (chunks := (await made.call("read")).chunks):
                pass
            assert len(chunks[0].refused) == 10
            del chunks
            await asyncio.sleep(0)  # the step that got them holds their future
            with pytest.raises(ConsumerError, match="KeyError: 1"):
                made.original(1, 0)
        finally:
            await made.close()

    asyncio.run(asyncio.wait_for(run(), 30))
