"""Keeps the secrets of a bridge fresh: what a process shows to models and to the carrier may be replaced while its calls go on.

They are read by a thread, so that no call waits for it: every five minutes, and within thirty seconds when somebody refused a key. Who
needs a secret asks `Secrets` each time it is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from bridge.shell.faults import watched
from pokea.adapters.secrets import CACHE_S, REFRESH_NOT_BEFORE_S, Secrets
from pokea.errors import CallError

EVERY_S = CACHE_S
APART_S = REFRESH_NOT_BEFORE_S
log = logging.getLogger(__name__)


class KeyRenewal:
    """`refusals`: how often a key was refused, since the start."""

    def __init__(self, secrets: Secrets) -> None:
        self.refusals = 0
        self._secrets = secrets
        self._refused = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = watched(asyncio.get_running_loop().create_task(self._keep()), "the renewal of keys")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def refused(self) -> None:
        """Somebody did not take a key of ours: perhaps it has just been replaced."""
        self.refusals += 1
        self._refused.set()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(APART_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(EVERY_S - APART_S, 0)):
                    await self._refused.wait()
            self._refused.clear()
            try:
                await asyncio.to_thread(self._secrets.renew)
            except CallError as problem:
                log.warning("secrets are as they were before: %s", problem.message)
