"""Cores that each part of the latency benchmark used meanwhile, and what all others on the machine
did: who is short of CPU, and whether the machine did something else too. From Linux's /proc.
"""

import os
import pathlib
import time
from collections.abc import Mapping, Sequence

PROC = pathlib.Path("/proc")
STAT = PROC / "stat"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
OTHERS = "others"
# fields of /proc/PID/stat behind the command's name, proc(5)
SESSION, UTIME, STIME = 3, 11, 12
IDLE, IOWAIT = 3, 4  # of the first line of /proc/stat
GUEST = 8  # is in user time already


class CpuClock:
    """Counts from its construction on.

    Parameters
    ----------
    leaders
        Process ids by part; what a process has started in its session counts as its own.
    """

    def __init__(self, leaders: Mapping[str, Sequence[int]]) -> None:
        self._part_of = {pid: part for part, pids in leaders.items() for pid in pids}
        self._parts = tuple(leaders)
        self._began_s = time.monotonic()
        self._before, self._busy_s = self._used_s(), _busy_s()

    def cores(self) -> dict[str, float]:
        """Cores by part, and of `others`; empty where there is no /proc.

        A process that has ended meanwhile is not there to be asked: the others get its time.
        """
        if not STAT.exists():
            return {}
        took_s, used_s = time.monotonic() - self._began_s, dict.fromkeys(self._parts, 0.0)
        for pid, (part, cpu_s) in self._used_s().items():
            used_s[part] += cpu_s - self._before.get(pid, (part, 0.0))[1]
        used_s[OTHERS] = max(0.0, _busy_s() - self._busy_s - sum(used_s.values()))
        return {part: each / took_s for part, each in used_s.items()}

    def _used_s(self) -> dict[int, tuple[str, float]]:
        """(part, CPU seconds so far) of every process that belongs to a part."""
        found = {}
        for path in PROC.glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            pid = int(path.parent.name)
            part = self._part_of.get(pid) or self._part_of.get(int(fields[SESSION]))
            if part is not None:
                found[pid] = part, (int(fields[UTIME]) + int(fields[STIME])) / TICKS_PER_S
        return found


def _busy_s() -> float:
    """CPU seconds of the whole machine so far."""
    if not STAT.exists():
        return 0.0
    ticks = [int(each) for each in STAT.read_text().split("\n", 1)[0].split()[1:]]
    return (sum(ticks[:GUEST]) - ticks[IDLE] - ticks[IOWAIT]) / TICKS_PER_S
