"""Schedules on one machine: reads them from template.yaml and invokes the functions as EventBridge does.

    async with Schedules(functions, schedules_of(template), SystemClock()):
        …

`rate(10 minutes)` fires that long after the start and then regularly; `cron(30 1 * * ? *)` at its minutes of UTC. What came due while
nobody looked (a suspended machine) fires once, not once for every time that was missed. A run that fails is logged and not repeated: the
next one comes by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self

from local.event_sources import Invoker
from local.gateway_functions import FunctionError, TimedOut
from local.gateway_template import BadTemplate, functions_of

LOOK_EVERY_S = 1.0
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_PART = re.compile(r"(?:(\*)|(\d+)(?:-(\d+))?)(?:/(\d+))?")
# minutes, hours, day of month, month, day of week (1 = Sunday), year
_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_log = logging.getLogger(__name__)


class Clock(Protocol):
    def now(self) -> datetime: ...


class When(Protocol):
    def is_due(self, since: datetime, now: datetime) -> bool:
        """Whether it comes due after `since` and up to `now`."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`start`: when the schedule was made; it counts from there."""

    every: timedelta
    start: datetime

    def is_due(self, since: datetime, now: datetime) -> bool:
        return (now - self.start) // self.every > max((since - self.start) // self.every, 0)


@dataclass(frozen=True, slots=True)
class Cron:
    """The values that each of the six fields allows."""

    fields: tuple[frozenset[int], ...]

    def is_due(self, since: datetime, now: datetime) -> bool:
        """A minute counts once it has begun. No more than a day of minutes is looked at."""
        minute = now.replace(second=0, microsecond=0)
        earliest = max(since, now - timedelta(days=1))
        while minute > earliest:
            if self.holds(minute):
                return True
            minute -= timedelta(minutes=1)
        return False

    def holds(self, at: datetime) -> bool:
        values = (at.minute, at.hour, at.day, at.month, at.isoweekday() % 7 + 1, at.year)
        return all(value in allowed for value, allowed in zip(values, self.fields, strict=True))


@dataclass(frozen=True, slots=True)
class Schedule:
    """`given`: the event that the template spells out for the function; None: EventBridge's own. `every_s`: fires so often instead, on a
    desk where nobody waits for a minute; 0: as the expression says."""

    function: str
    rule: str
    expression: str
    given: object = field(default=None)
    every_s: int = 0

    def when(self, start: datetime) -> When:
        return Rate(timedelta(seconds=self.every_s), start) if self.every_s else when_of(self.expression, start)


def schedules_of(template: Mapping[str, Any]) -> tuple[Schedule, ...]:
    """The enabled schedules of every function. Raises BadTemplate."""
    names = {function.handler: function.name for function in functions_of(template)}
    return tuple(
        _schedule(names[resource["Properties"]["Handler"]], f"{logical_id}{rule}", event.get("Properties", {}))
        for logical_id, resource in template["Resources"].items()
        if resource.get("Type") == "AWS::Serverless::Function"
        for rule, event in resource["Properties"].get("Events", {}).items()
        if event.get("Type") in ("Schedule", "ScheduleV2") and _is_enabled(event.get("Properties", {}))
    )


def _is_enabled(properties: Mapping[str, Any]) -> bool:
    return properties.get("Enabled", True) is not False and properties.get("State", "ENABLED") == "ENABLED"


def _schedule(function: str, rule: str, properties: Mapping[str, Any]) -> Schedule:
    expression = properties.get("Schedule", properties.get("ScheduleExpression"))
    if not isinstance(expression, str):
        raise BadTemplate(f"{rule}: a schedule needs rate(…) or cron(…)")
    when_of(expression, datetime.min.replace(tzinfo=UTC))  # so that a bad one is found at the start
    given = properties.get("Input")
    try:
        return Schedule(function, rule, expression, None if given is None else json.loads(given))
    except (TypeError, ValueError):
        raise BadTemplate(f"{rule}: Input must be JSON text") from None


def when_of(expression: str, start: datetime) -> When:
    """Raises BadTemplate for what is neither, and for the parts of cron that nobody here needs (names, L, W and #)."""
    if rate := _RATE.fullmatch(expression):
        return Rate(int(rate[1]) * _UNITS[rate[2]], start)
    if cron := _CRON.fullmatch(expression):
        parts = zip(cron.groups(), _LIMITS, strict=True)
        return Cron(tuple(_allowed(part, low, high, expression) for part, (low, high) in parts))
    raise BadTemplate(f"{expression}: is not a schedule that can be run here")


def _allowed(text: str, low: int, high: int, expression: str) -> frozenset[int]:
    values: set[int] = set()
    for part in text.replace("?", "*").split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise BadTemplate(f"{expression}: is not a schedule that can be run here")
        first = low if found[1] else int(found[2])
        last = high if found[1] or (found[4] and not found[3]) else int(found[3] or found[2])
        values |= set(range(first, last + 1, int(found[4] or 1)))
    if not values or min(values) < low or max(values) > high:
        raise BadTemplate(f"{expression}: {text} is out of bounds")
    return frozenset(values)


class Schedules:
    """Fires every schedule while its block lasts. Leaving it waits for the runs in progress."""

    def __init__(self, functions: Invoker, schedules: Sequence[Schedule], clock: Clock) -> None:
        self._functions = functions
        self._clock = clock
        self._looked_at = clock.now()
        self._timed = [(schedule, schedule.when(self._looked_at)) for schedule in schedules]
        self._stopping = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._looking is not None:
            await self._looking
        await self.finished()

    def fire_due(self) -> tuple[Schedule, ...]:
        """Start what has come due since the last look."""
        now = self._clock.now()
        due = tuple(schedule for schedule, when in self._timed if when.is_due(self._looked_at, now))
        self._looked_at = now
        for schedule in due:
            task = asyncio.create_task(self._run(schedule, now))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return due

    async def finished(self) -> None:
        """Wait for the runs in progress."""
        await asyncio.gather(*self._running)

    async def _look_for_ever(self) -> None:
        while not self._stopping.is_set():
            self.fire_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LOOK_EVERY_S)

    async def _run(self, schedule: Schedule, now: datetime) -> None:
        try:
            await self._functions.call(schedule.function, event_of(schedule, now))
        except (FunctionError, TimedOut) as problem:
            _log.warning("%s failed on its schedule: %s", schedule.function, problem.kind)


def event_of(schedule: Schedule, now: datetime) -> object:
    """What EventBridge hands to the function."""
    if schedule.given is not None:
        return schedule.given
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "local",
        "resources": [f"arn:aws:events:local:000000000000:rule/{schedule.rule}"],
        "detail": {},
    }
