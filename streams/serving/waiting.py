"""Waiting: requests that would get a better slate in a moment wait aside, and hold nobody up."""

import time
from collections import Counter, deque
from collections.abc import Callable

from streams.serving.backlog import Asked

SLICE_S = 0.01  # of answering, between two looks at what has come
WAIT_S = 0.1  # for a segment that is being prepared
MOST_WAITING, MOST_OF_USER = 1000, 20  # beyond, nobody waits, and no more of one user


class Waiting:
    """Of one thread; each until a time of `time.monotonic`."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Asked]] = deque()
        self._of_user: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def room_for(self, asked: Asked) -> bool:
        """Whether one more may wait."""
        return (
            len(self._waiting) < MOST_WAITING
            and self._of_user[asked.request.user_id] < MOST_OF_USER
        )

    def add(self, asked: Asked) -> None:
        """One more waits."""
        self._waiting.append((time.monotonic() + WAIT_S, asked))
        self._of_user[asked.request.user_id] += 1

    def answer(self, answer: Callable[[Asked, bool], bool], late: bool = False) -> None:
        """Ask for the answers, for a slice of time; `answer` is told whether to wait on, and says
        whether it did not. `late`: nobody waits any more.
        """
        began_s = now_s = time.monotonic()
        for _ in range(len(self._waiting)):
            until_s, asked = self._waiting.popleft()
            if answer(asked, not late and now_s < until_s):
                self._of_user[asked.request.user_id] -= 1
            else:
                self._waiting.append((until_s, asked))
            now_s = time.monotonic()
            if now_s - began_s > SLICE_S:
                break
        self._of_user += Counter()  # without those that have none
