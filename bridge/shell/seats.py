"""What a beat says of this worker's places, so that whoever answers the carrier knows when the house is full (`pokea.seats`)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bridge.shell.health import Health
from pokea.seats import SEATED_TOLD_S

_SCARCE = 4  # of so many places one is free, or fewer: from there on each that comes or goes is told of


@dataclass(frozen=True, slots=True)
class Seats:
    """`free`: places at this moment. `seated`: of the calls that came lately and had a seat kept for them, when each rang, in whole seconds
    since the epoch; also of those that are over."""

    release: str
    free: int
    seated: tuple[int, ...] = ()


class SeatCount:
    def __init__(self, health: Health, release: str, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._health = health
        self._release = release
        self._monotonic_s = monotonic_s
        self._came: deque[tuple[float, int]] = deque()

    def came(self, seated_at: int | None) -> None:
        """A call has been taken in. None: no seat was kept for it."""
        if seated_at is not None:
            self._came.append((self._monotonic_s(), seated_at))

    def read(self) -> Seats:
        """Calls that are on their way in have a ticket still, so their places are free here."""
        health = self._health
        while self._came and self._monotonic_s() - self._came[0][0] > SEATED_TOLD_S:
            self._came.popleft()
        closed = health.draining or not health.has_room
        free = 0 if closed else max(0, health.max_calls - len(health.calls))
        return Seats(self._release, free, tuple(ring for _, ring in self._came))

    def is_news(self, told: Seats | None, now: Seats) -> bool:
        """Whether a beat should not wait for its time."""
        if told is None or told.free == now.free:
            return False
        return min(told.free, now.free) * _SCARCE <= self._health.max_calls
