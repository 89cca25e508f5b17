"""History: figures of the last half hour, a point every two seconds while the process runs, in a
bounded memory. A process that starts has none.
"""

from collections import deque

from streams.contract.health import Point

EVERY_S = 2.0
KEPT_S = 1800.0


class History:
    """`add` a point; the newest stands last."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=int(KEPT_S / EVERY_S))

    def add(self, point: Point) -> None:
        """Keep a point, unless the last one is younger than `EVERY_S`."""
        if not self._points or point.ts - self._points[-1].ts >= EVERY_S * 0.9:
            self._points.append(point)

    def points(self, since_s: float = 0.0) -> list[Point]:
        """Points after a time."""
        return [point for point in list(self._points) if point.ts > since_s]
