"""When the next call of the demo may begin: one after another, and as many side by side as the machine has time for.

Calls are real: their sound is made, sent, recognised and judged while it is spoken. A machine without time to spare delays frames and
answers, and then what fails is the machine. So `fewest` calls go on side by side whatever it is doing, more up to `most` begin only while
its processors have had some time left, and two never begin in the same moment, because a beginning costs more than what follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

EVERY_S = 0.5
LOOK_AGAIN_S = 1.0
SPARE = 0.12  # of all processors' time, since the last look
PROCESSORS = Path("/proc/stat")


@dataclass(frozen=True)
class Lines:
    """How many calls may go on side by side. `unknown`: where nobody can tell how busy the machine is."""

    fewest: int
    most: int
    unknown: int

    def has_room(self, under_way: int, spare: float | None) -> bool:
        """`spare`: the share of the processors' time that was left over lately; None: unknown."""
        if under_way < self.fewest:
            return True
        if spare is None:
            return under_way < self.unknown
        return under_way < self.most and spare >= SPARE


class Processors:
    """Linux counts the time of its processors; elsewhere nothing is known."""

    def __init__(self, counters: Path = PROCESSORS) -> None:
        self._counters = counters
        self._before = self._read()

    def spare(self) -> float | None:
        """The share of their time that was left over since the last time this was asked."""
        before, self._before = self._before, self._read()
        if before is None or self._before is None:
            return None
        total, idle = (now - then for now, then in zip(self._before, before, strict=True))
        return idle / total if total > 0 else 0.0

    def _read(self) -> tuple[int, int] | None:
        """All their time and what was left of it, since the machine was started. Waiting for a disk is time to spare."""
        try:
            fields = self._counters.read_text(encoding="ascii").split("\n", 1)[0].split()
            times = [int(field) for field in fields[1:9]]
        except (OSError, ValueError):
            return None
        return (sum(times), times[3] + times[4]) if len(times) >= 5 else None


class Admission:
    """`async with` around a call. Whoever waits first begins first."""

    def __init__(
        self,
        lines: Lines,
        spare: Callable[[], float | None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._lines, self._spare, self._sleep = lines, spare, sleep
        self._door = asyncio.Lock()
        self._under_way = 0

    async def __aenter__(self) -> Self:
        async with self._door:
            while not self._lines.has_room(self._under_way, self._spare()):
                await self._sleep(LOOK_AGAIN_S)
            self._under_way += 1
            try:
                await self._sleep(EVERY_S)
            except asyncio.CancelledError:
                self._under_way -= 1
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._under_way -= 1
