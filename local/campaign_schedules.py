"""EventBridge Scheduler on one machine: starts campaigns when the schedules that the API has set come due.

    async with CampaignSchedules(functions, group, client, SystemClock()):
        …

The emulator keeps the schedules; it knows no zones and reaches none of our functions, so they are fired here. A schedule that vanished
since the last look because it was due once is fired all the same: who is told of a campaign that was cancelled does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from local.event_sources import Invoker
from local.gateway_functions import FunctionError, TimedOut
from local.gateway_template import BadTemplate
from local.schedules import Clock, Cron, When, when_of

LOOK_EVERY_S = 2.0
FUNCTION = "pokea-campaigns"
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_AT = re.compile(r"at\(([0-9T:-]+)\)")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class At:
    """Once."""

    moment: datetime

    def is_due(self, since: datetime, now: datetime) -> bool:
        return since < self.moment <= now


@dataclass(frozen=True, slots=True)
class Kept:
    """One schedule as the emulator keeps it."""

    name: str
    expression: str
    zone: str
    given: str
    made_at: datetime

    def when(self) -> When:
        """Raises BadTemplate for what cannot be run here: L, W and # of cron."""
        if found := _AT.fullmatch(self.expression):
            return At(datetime.fromisoformat(found[1]).replace(tzinfo=ZoneInfo(self.zone)))
        return when_of(numbered(self.expression), self.made_at)


def numbered(expression: str) -> str:
    """Names of days and months as numbers."""
    words = {name: str(number) for names in (_DAYS, _MONTHS) for number, name in enumerate(names, 1)}
    return re.sub(r"[A-Z]{3}", lambda found: words.get(found[0], found[0]), expression)


class CampaignSchedules:
    """Fires every schedule of one group while its block lasts."""

    def __init__(self, functions: Invoker, group: str, client: Callable[[], Any], clock: Clock) -> None:
        self._functions = functions
        self._group = group
        self._client = client
        self._clock = clock
        self._looked_at = clock.now()
        self._known: dict[str, Kept] = {}
        self._stopping = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._group:
            self._looking = asyncio.create_task(self._look_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._looking is not None:
            await self._looking

    async def look(self) -> list[str]:
        """Fire what has come due since the last look; returns the names."""
        found = await asyncio.to_thread(self._read)
        now, since = self._clock.now(), self._looked_at
        gone = {
            name: kept for name, kept in self._known.items() if name not in found and _AT.fullmatch(kept.expression)
        }
        due = [kept for kept in (*found.values(), *gone.values()) if _is_due(kept, since, now)]
        self._known, self._looked_at = found, now
        for kept in due:
            await self._fire(kept)
        return [kept.name for kept in due]

    async def _look_for_ever(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        while not self._stopping.is_set():
            try:
                await self.look()
            except (BotoCoreError, ClientError) as problem:
                _log.warning("schedules of campaigns cannot be read: %s", type(problem).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LOOK_EVERY_S)

    def _read(self) -> dict[str, Kept]:
        client = self._client()
        listed = client.list_schedules(GroupName=self._group, MaxResults=100).get("Schedules", [])
        return {one["Name"]: _kept(client.get_schedule(Name=one["Name"], GroupName=self._group)) for one in listed}

    async def _fire(self, kept: Kept) -> None:
        try:
            await self._functions.call(FUNCTION, json.loads(kept.given))
        except (FunctionError, TimedOut) as problem:
            _log.warning("campaign not started on its schedule: %s", problem.kind)


def make_group(client: Any, group: str) -> None:
    with contextlib.suppress(client.exceptions.ConflictException):
        client.create_schedule_group(Name=group)


def _kept(found: Mapping[str, Any]) -> Kept:
    return Kept(
        name=found["Name"],
        expression=found["ScheduleExpression"],
        zone=found.get("ScheduleExpressionTimezone") or "UTC",
        given=found["Target"]["Input"],
        made_at=found["CreationDate"],
    )


def _is_due(kept: Kept, since: datetime, now: datetime) -> bool:
    try:
        when = kept.when()
    except BadTemplate as problem:
        _log.warning("%s", problem)
        return False
    zone = ZoneInfo(kept.zone)
    earliest = max(since, kept.made_at - timedelta(seconds=1))
    if isinstance(when, Cron):
        return when.is_due(earliest.astimezone(zone), now.astimezone(zone))
    return when.is_due(earliest, now)
