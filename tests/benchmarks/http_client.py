"""The client of the HTTP benchmark, a process of its own: slate requests at a rate, open loop, over
so many connections that stay open; each clocked from when it was due to its answer's last byte.

    python -m tests.benchmarks.http_client '{"port": 6066, "path": "/v1/slates", "per_s": 200,
    "seconds": 10, "connections": 50, "candidates": 0, "seed": 1}'

It speaks HTTP/1.1 itself, from requests made beforehand: what it takes of the machine is taken from
the server.
"""

import asyncio
import gc
import json
import random
import sys
import time
from typing import Any

import numpy as np

from tests.benchmarks.latency_events import ITEMS, request

BEGIN_S = 0.05  # from the word to the first request


class Connection:
    """One that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, message: bytes) -> int:
        """Send a request, read its answer; the status."""
        self._writer.write(message)
        head = await self._reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await self._reader.readexactly(int(line[15:]))
        return int(head[9:12])


def messages(asked: dict[str, Any]) -> list[bytes]:
    """Requests as they go over the wire."""
    rng = random.Random(asked["seed"])
    made = []
    for number in range(int(asked["per_s"] * asked["seconds"])):
        _user, wanted = request(f"http-{asked['seed']}-{number}", rng)
        if asked["candidates"]:
            chosen = rng.sample(range(ITEMS), asked["candidates"])
            wanted["candidates"] = [f"item-{item}" for item in chosen]
        body = json.dumps(wanted).encode()
        head = (
            f"POST {asked['path']} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def measure(asked: dict[str, Any], made: list[bytes]) -> dict[str, Any]:
    """Send them when they are due; what came of it."""
    connections = [
        Connection(*await asyncio.open_connection("127.0.0.1", asked["port"]))
        for _ in range(asked["connections"])
    ]
    took_s: list[float] = []
    errors: list[str] = []
    begin_s, next_one = time.perf_counter() + BEGIN_S, iter(range(len(made)))

    async def go(connection: Connection) -> None:
        for number in next_one:
            due_s = begin_s + number / asked["per_s"]
            wait_s = due_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            try:
                status = await connection.ask(made[number])
            except (OSError, asyncio.IncompleteReadError) as error:
                errors.append(repr(error))
                return
            took_s.append(time.perf_counter() - due_s)
            if status != 200:
                errors.append(f"status {status}")

    await asyncio.gather(*map(go, connections))
    ms = np.array(took_s or [np.inf]) * 1000.0
    p50, p90, p99 = np.percentile(ms, [50, 90, 99])
    return {
        "requests": len(made),
        "answered": len(took_s) - sum(each.startswith("status") for each in errors),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
        "p50_ms": float(p50),
        "p90_ms": float(p90),
        "p99_ms": float(p99),
        "longest_ms": float(ms.max()),
    }


def main(asked: dict[str, Any]) -> None:
    """Make the requests, wait for the word, send them, say what was seen."""
    made = messages(asked)
    gc.collect()
    gc.freeze()
    gc.disable()
    say({"ready": len(made)})
    sys.stdin.readline()
    say(asyncio.run(measure(asked, made)))


def say(what: dict[str, Any]) -> None:
    """One JSON line for the process that started this one."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
