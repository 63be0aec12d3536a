"""Says again and again that this worker lives, and which calls it has: whoever hears nothing any more ends them (docs/reaper.md).

A beat every ten seconds, and two seconds after the one before where that was not heard or a call is new, so that few calls are ever known
to a dead bridge alone. It tells the free places as well, and while they are scarce each change of them as soon.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import httpx

from bridge.shell.ecs import ecs_client
from bridge.shell.faults import watched
from bridge.shell.seats import SeatCount, Seats
from pokea.errors import CallError

BEAT_S = 10.0
APART_S = 2.0  # at least: a worker may be given a call every second, and each beat is a write
LOOK_S = 1.0
_METADATA_WITHIN_S = 2.0
log = logging.getLogger(__name__)


class Beat(Protocol):
    def __call__(
        self, task: str, calls: Sequence[str], leaving: bool = False, seats: Seats | None = None
    ) -> Awaitable[None]:
        """Raises CallError."""


class Heart:
    def __init__(
        self,
        beat: Beat,
        sessions: Callable[[], tuple[str, ...]],
        *,
        beat_s: float = BEAT_S,
        apart_s: float = APART_S,
        look_s: float = LOOK_S,
        broken: Callable[[], None] = lambda: None,
        seats: SeatCount | None = None,
    ) -> None:
        """`broken`: is told when this beats no more, which costs the worker its calls once the lease has lapsed."""
        self._beat = beat
        self._broken = broken
        self._sessions = sessions
        self._seats = seats
        self._told_seats: Seats | None = None
        self._beat_s = beat_s
        self._apart_s = apart_s
        self._look_s = look_s
        self._task_arn = ""
        self._told: frozenset[str] = frozenset()
        self._due_s = 0.0
        self._not_before_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self, metadata_uri: str = "") -> None:
        """`metadata_uri`: ECS's own, which tells the name of this task."""
        self._task = watched(
            asyncio.get_running_loop().create_task(self._keep(metadata_uri)), "the heart", self._broken
        )

    async def close(self) -> None:
        """Leave in good order if there are no calls any more; those that could not be ended are left to the lapse of the lease."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        sessions = self._sessions()
        await self._say(sessions, leaving=not sessions)

    async def _keep(self, metadata_uri: str) -> None:
        loop = asyncio.get_running_loop()
        self._task_arn = await task_arn(metadata_uri) if metadata_uri else ""
        while True:
            sessions = self._sessions()
            is_due = loop.time() >= self._due_s or not self._told.issuperset(sessions) or self._has_news()
            if is_due and loop.time() >= self._not_before_s:
                self._not_before_s = loop.time() + self._apart_s
                if await self._say(sessions):
                    self._told = frozenset(sessions)
                    self._due_s = loop.time() + self._beat_s
            await asyncio.sleep(self._look_s)

    def _has_news(self) -> bool:
        return self._seats is not None and self._seats.is_news(self._told_seats, self._seats.read())

    async def _say(self, sessions: tuple[str, ...], leaving: bool = False) -> bool:
        seats = None if self._seats is None else self._seats.read()
        try:
            await self._beat(self._task_arn, sessions, leaving, seats)
        except CallError as problem:
            log.warning("the control plane did not hear that this bridge lives: %s", problem.code)
            return False
        self._told_seats = seats
        return True


async def task_arn(metadata_uri: str) -> str:
    """The name of this ECS task, or "": its lease then tells by its lapse alone that it is gone."""
    try:
        async with ecs_client(_METADATA_WITHIN_S) as client:
            reply = (await client.get(f"{metadata_uri.rstrip('/')}/task")).json()
    except (httpx.HTTPError, ValueError) as problem:
        log.warning("ECS did not tell the name of this task: %s", type(problem).__name__)
        return ""
    found = reply.get("TaskARN") if isinstance(reply, dict) else None
    return found if isinstance(found, str) and found.startswith("arn:") else ""
