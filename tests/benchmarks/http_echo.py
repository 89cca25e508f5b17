"""The bare echo of the HTTP benchmark: an aiohttp server that reads JSON and answers it, nothing
else.

    python -m tests.benchmarks.http_echo '{"port": 8000}'
"""

import asyncio
import json
import sys
from typing import Any

from aiohttp import web


async def echo(request: web.Request) -> web.Response:
    """JSON in, the same out."""
    return web.json_response(await request.json())


async def main(asked: dict[str, Any]) -> None:
    """Echo until killed."""
    app = web.Application()
    app.router.add_post("/", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", asked["port"]).start()
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
