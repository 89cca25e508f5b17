"""ServingChild: the serving process beside a worker. One that ends is started again, after a pause
that grows; counting goes on meanwhile.
"""

import asyncio
import logging
import os
import sys
import time

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0  # one that ran so long was well: the next pause is the first again
STOP_S = 5.0


class ServingChild:
    """`slatestream serve` with the worker's environment and name; it ends with the worker, by the
    end of its standard input, even if the worker is killed.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def run(self) -> None:
        """Keep a serving process running until `stop`."""
        pause_s = FIRST_PAUSE_S
        while not self._stopping:
            began_s = time.monotonic()
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "streams",
                "serve",
                "--with-stdin",
                stdin=asyncio.subprocess.PIPE,
                env={
                    **os.environ,
                    "SLATESTREAM_WORKER_NAME": self._name,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                },
                start_new_session=True,  # a terminal's Ctrl-C is the worker's to answer
            )
            status = await self.process.wait()
            if self._stopping:
                return
            if time.monotonic() - began_s > STEADY_S:
                pause_s = FIRST_PAUSE_S
            log.error(
                "the serving process ended with status %d: started again in %g s", status, pause_s
            )
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def stop(self) -> None:
        """End the serving process: it answers what it has read, and leaves its group."""
        self._stopping = True
        process = self.process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
