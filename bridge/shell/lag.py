"""Whether the event loop keeps time: everything a call does waits for it, so what blocks it is heard."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

LOOK_EVERY_S = 0.1
LATE_S = 0.1  # more than this is logged; a caller hears a gap from the playout lead on (160 ms by default)
_LOG_EVERY_S = 5.0
_REMEMBER_S = 60.0
log = logging.getLogger(__name__)


class LoopWatch:
    """A timer that measures how late it is. `worst_ms` is of the last minute."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._late: deque[tuple[float, float]] = deque(maxlen=600)  # (when, seconds late)
        self._next_log_s = 0.0
        self.stalls = 0

    def start(self) -> None:
        self._due_s = self._loop.time() + LOOK_EVERY_S
        self._timer = self._loop.call_at(self._due_s, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now_s = self._loop.time()
        late_s = now_s - self._due_s
        if late_s >= LATE_S:
            self._stalled(late_s, now_s)
        self.start()

    def _stalled(self, late_s: float, now_s: float) -> None:
        self.stalls += 1
        self._late.append((now_s, late_s))
        if now_s >= self._next_log_s:
            self._next_log_s = now_s + _LOG_EVERY_S
            log.warning("the event loop stood still for %d ms (stall %d)", round(late_s * 1000), self.stalls)

    @property
    def worst_ms(self) -> int:
        since_s = self._loop.time() - _REMEMBER_S
        while self._late and self._late[0][0] < since_s:
            self._late.popleft()
        return round(max((late for _, late in self._late), default=0.0) * 1000)
