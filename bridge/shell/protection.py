"""Tells ECS's agent what bridge.core.protection decides. No call waits for it: it looks once a second, on its own.

    PUT $ECS_AGENT_URI/task-protection/v1/state   {"ProtectionEnabled": true, "ExpiresInMinutes": 30}
    200 {"protection": {"ProtectionEnabled": true, …}}   or   {"failure": {"Reason": "DEPLOYMENT_BLOCKED", …}}   or   {"error": …}

Outside ECS there is no such agent, and nobody is told anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import httpx

from bridge.core.protection import EXPIRES_MINUTES, Protection
from bridge.shell.ecs import ecs_client
from bridge.shell.faults import watched

LOOK_EVERY_S = 1.0
_TIMEOUT_S = 2.0
log = logging.getLogger(__name__)


class Speaker(Protocol):
    """One worker of a task that has several. Who spoke before may have died."""

    @property
    def is_first(self) -> bool: ...

    def take_word(self) -> bool: ...


class TaskProtection:
    """`is_busy`: of the whole task. `speaker`: None where this worker is the only one."""

    def __init__(
        self,
        agent_uri: str,
        is_busy: Callable[[], bool],
        look_every_s: float = LOOK_EVERY_S,
        speaker: Speaker | None = None,
    ) -> None:
        self._url = f"{agent_uri.rstrip('/')}/task-protection/v1/state"
        self._is_busy = is_busy
        self._look_every_s = look_every_s
        self._speaker = speaker
        self._protection: Protection | None = None if speaker else Protection()  # None: another worker's
        self._client = ecs_client(_TIMEOUT_S)
        self._task: asyncio.Task[None] | None = None
        self.failures = 0  # since the start

    def start(self) -> None:
        self._task = watched(asyncio.get_running_loop().create_task(self._keep()), "the protection of this task")

    async def close(self) -> None:
        """Gives back what is held, unless another worker of the task still has calls."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._protection is not None and self._protection.is_held and not self._is_busy():
            await self._tell(False)
        await self._client.aclose()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if (protection := self._ours()) is not None:
                protect = protection.decide(self._is_busy(), loop.time() * 1000)
                if protect is not None:
                    agreed = await self._tell(protect)
                    protection.told(protect, agreed, loop.time() * 1000)
            await asyncio.sleep(self._look_every_s)

    def _ours(self) -> Protection | None:
        if self._speaker is None:
            return self._protection
        if not self._speaker.is_first:
            self._protection = None
        elif self._protection is None:
            self._protection = Protection(None if self._speaker.take_word() else False)
        return self._protection

    async def _tell(self, protect: bool) -> bool:
        body: dict[str, object] = {"ProtectionEnabled": protect}
        if protect:
            body["ExpiresInMinutes"] = EXPIRES_MINUTES
        try:
            reply = (await self._client.put(self._url, json=body)).json()
        except (httpx.HTTPError, ValueError) as problem:
            return self._refused(type(problem).__name__)
        state = reply.get("protection") if isinstance(reply, dict) else None
        if isinstance(state, dict) and state.get("ProtectionEnabled") is protect:
            return True
        failure = reply.get("failure") if isinstance(reply, dict) else None
        return self._refused(str(failure.get("Reason"))[:64] if isinstance(failure, dict) else "an error")

    def _refused(self, why: str) -> bool:
        self.failures += 1
        log.warning("ECS did not take this task's protection: %s", why)
        return False
