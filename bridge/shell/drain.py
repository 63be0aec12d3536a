"""The orderly stop: admit nobody, let live calls finish, and at the limit end the rest politely."""

from __future__ import annotations

import asyncio
import logging
import signal

from bridge.shell.health import Health

# After the limit come the last words, and then the reports: a call that was hung up tells the control plane how it ended, for which it
# has the tools' deadline. What stops the process after that is a kill that reports nothing.
_LAST_WORDS_S = 3.5
_HANG_UP_S = 1.5
_TOOLS_DEADLINE_S = 3.0
_LOOK_EVERY_S = 0.1
log = logging.getLogger(__name__)


class Drain:
    """Begins with SIGTERM or SIGINT; the second signal shortens it to the last words. `limit_s`: for live calls;
    `tools_deadline_s`: for the report of one that was cut."""

    def __init__(self, health: Health, limit_s: float, tools_deadline_s: float = _TOOLS_DEADLINE_S) -> None:
        self._health = health
        self._limit_s = limit_s
        self._leave_s = tools_deadline_s + _HANG_UP_S
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

    @property
    def longest_s(self) -> float:
        """From the signal until the process may exit, whatever happens."""
        return self._limit_s + _LAST_WORDS_S + self._leave_s

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
        await self._until_empty(self._leave_s, None)

    async def _until_empty(self, limit_s: float, cut_short: asyncio.Event | None) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while self._health.calls or self._health.admitting:
            if loop.time() >= deadline or (cut_short is not None and cut_short.is_set()):
                return
            await asyncio.sleep(_LOOK_EVERY_S)
