"""The orderly stop: admit nobody, let live calls finish, and at the limit end the rest politely."""

from __future__ import annotations

import asyncio
import logging
import signal

from bridge.shell.health import Health

# The process is gone five seconds after the limit, whatever happens: what stops it after that is a kill that reports nothing.
_LAST_WORDS_S = 3.5
_LEAVE_S = 1.5
_LOOK_EVERY_S = 0.1
log = logging.getLogger(__name__)


class Drain:
    """Begins with SIGTERM or SIGINT; the second signal shortens it to the last words."""

    def __init__(self, health: Health, limit_s: float) -> None:
        self._health = health
        self._limit_s = limit_s
        self._asked = asyncio.Event()
        self._hurry = asyncio.Event()

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask)

    def ask(self) -> None:
        if self._asked.is_set():
            self._hurry.set()
        self._health.draining = True
        self._health.changed()
        self._asked.set()

    async def wait(self) -> None:
        """Returns when the process may exit."""
        await self._asked.wait()
        log.info("draining: %d calls", len(self._health.calls))
        await self._until_empty(self._limit_s, self._hurry)
        for call in tuple(self._health.calls):
            call.must_end()
        await self._until_empty(_LAST_WORDS_S, None)
        for call in tuple(self._health.calls):
            call.must_leave()
        await self._until_empty(_LEAVE_S, None)

    async def _until_empty(self, limit_s: float, cut_short: asyncio.Event | None) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while self._health.calls or self._health.admitting:
            if loop.time() >= deadline or (cut_short is not None and cut_short.is_set()):
                return
            await asyncio.sleep(_LOOK_EVERY_S)
