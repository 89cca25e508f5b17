"""What a condition of the latency benchmark works with: client, load and echo as processes of their
own, the system under test, and the encoder releases.
"""

import json
import pathlib
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks.latency_cpu import CpuClock
from tests.benchmarks.latency_figures import FloatArray, Times, load_times
from tests.benchmarks.latency_system import ROOT, System

if TYPE_CHECKING:
    from tests.benchmarks.latency_release import Releases

DRAIN_S = 30.0  # that an answer is waited for after the last request


class Child:
    """A process that speaks JSON lines and hears lines: its first one says that it is ready."""

    def __init__(self, module: str, **asked: Any) -> None:
        self.module, self.part = module, module.removeprefix("latency_")
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"tests.benchmarks.{module}", json.dumps(asked)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()

    def tell(self) -> None:
        """The next line: begin the first time, end the second time."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:  # a load that has sent all it had is over
            pass

    go = tell

    def answer(self) -> dict[str, Any]:
        """The next line that it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.module} ended with {self.process.wait()}")
        return dict(json.loads(line))

    def close(self) -> None:
        """Kill it if it still runs."""
        self.process.kill()
        self.process.communicate()


class Outcome(NamedTuple):
    """What a condition has measured: both kinds of requests, and what to say besides."""

    slate: Times
    echo: Times
    late_s: FloatArray  # (n,) of each arrival, when it was sent after its time
    encoders: Mapping[str, int]  # slates by the release they were made under
    cores: Mapping[str, float]  # by part of the benchmark, and of `others`
    notes: list[str]


class Bench:
    """The processes of one run. `close` ends them.

    Parameters
    ----------
    bootstrap
        Where the brokers are.
    brokers
        Their process ids.
    room
        For what is written meanwhile.
    system
        Under test.
    releases
        None where no encoder can be made; then `no_releases` says why.
    seconds
        Of every condition that has no end of its own.
    """

    def __init__(
        self,
        bootstrap: str,
        brokers: list[int],
        room: pathlib.Path,
        system: System,
        releases: "Releases | None",
        no_releases: str,
        seconds: float,
    ) -> None:
        self.bootstrap, self.brokers = bootstrap, brokers
        self.room, self.system = room, system
        self.releases, self.no_releases, self.seconds = releases, no_releases, seconds
        self._children: list[Child] = []
        self._runs = 0
        self._clock = CpuClock({})
        self._echo = self._child("latency_echo")

    def client(self, per_s: float) -> Child:
        """A client that waits for `go`."""
        self._runs += 1
        return self._child(
            "latency_client",
            run=f"run{self._runs}",
            per_s=per_s,
            seed=self._runs,
            drain_s=DRAIN_S,
            out=str(self._times_path),
        )

    def begin(self, client: Child) -> None:
        """Let the client send, and start the clocks of the processes that run now."""
        parts = {child.part: [child.process.pid] for child in self._children}
        parts |= {role: [m.process.pid for m in ms] for role, ms in self.system.members.items()}
        self._clock = CpuClock({"broker": self.brokers, **parts})
        client.go()

    def load(self, events: int, per_s: float) -> Child:
        """So many events made and ready to be sent at `per_s`; 0 is a burst."""
        label = f"load{self._runs}"
        return self._child("latency_load", label=label, events=events, per_s=per_s, seed=self._runs)

    def outcome(self, client: Child, low_s: float = 0.0, high_s: float = float("inf")) -> Outcome:
        """Stop the requests, wait for what is not answered; what was sent between two times."""
        cores = self._clock.cores()
        client.tell()
        encoders = client.answer()["encoders"]
        times, late_s = load_times(self._times_path)
        slate, echo = (times[kind].sent_between(low_s, high_s) for kind in ("slate", "echo"))
        return Outcome(slate, echo, late_s, encoders, cores, [])

    def end_children(self) -> None:
        """End client and load of a condition; the echo stays."""
        for child in self._children:
            if child is not self._echo:
                child.close()
        self._children = [self._echo]

    def close(self) -> None:
        """End everything."""
        self.end_children()
        self._echo.close()
        self.system.close()

    @property
    def _times_path(self) -> pathlib.Path:
        return self.room / f"times-{self._runs}.npz"

    def _child(self, module: str, **asked: Any) -> Child:
        child = Child(module, bootstrap=self.bootstrap, **asked)
        self._children.append(child)
        return child
