"""Looks now and then whether the kernel has ended a leg's connection without the event loop saying so.

Seen under load: a peer resets its connection while the loop stands still for a tenth of a second, and the poller never reports the
socket again. Nobody writes to a leg whose agent is silent, so only the ten seconds without sound would end the call.
"""

from __future__ import annotations

import asyncio

from bridge.shell.health import Health

_LOOK_EVERY_S = 0.5


class DeadLegs:
    def __init__(self, health: Health) -> None:
        self._health = health
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = self._loop.call_later(_LOOK_EVERY_S, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        for call in tuple(self._health.calls):
            call.check_line()
        self.start()
