"""Schedules on one machine: what of the template they read, and when they fire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.gateway_functions import FunctionError
from local.gateway_template import BadTemplate, read_template
from local.processes import ROOT
from local.schedules import Schedule, Schedules, schedules_of, when_of
from pokea.clock import ManualClock

NOON = datetime(2031, 3, 1, 12, 0, tzinfo=UTC)  # a Saturday
NIGHTLY = Schedule("cdr", "Night", "cron(30 1 * * ? *)")
OFTEN = Schedule("calendars", "Often", "rate(10 minutes)")


class Functions:
    def __init__(self) -> None:
        self.called: list[tuple[str, Any]] = []
        self.fails = False

    async def call(self, name: str, event: object) -> Any:
        self.called.append((name, event))
        if self.fails:
            raise FunctionError(ValueError())


async def fired(schedule: Schedule, *after: timedelta) -> list[bool]:
    """Whether it fired at each of these times after noon, looked at in this order."""
    functions, clock = Functions(), ManualClock(NOON)
    schedules = Schedules(functions, [schedule], clock)
    found = []
    for moment in after:
        clock.advance((NOON + moment - clock.now()).total_seconds())
        found.append(bool(schedules.fire_due()))
        await schedules.finished()
    assert len(functions.called) == sum(found)
    return found


async def test_a_rate_fires_after_its_time_and_then_regularly() -> None:
    minutes = (0, 9, 10, 11, 19, 20)
    assert await fired(OFTEN, *(timedelta(minutes=m) for m in minutes)) == [False, False, True, False, False, True]


async def test_a_nightly_cron_fires_once_in_its_minute() -> None:
    looks = [timedelta(hours=13, minutes=29, seconds=59), timedelta(hours=13, minutes=30)]
    looks += [timedelta(hours=13, minutes=30, seconds=30), timedelta(hours=13, minutes=31)]
    assert await fired(NIGHTLY, *looks) == [False, True, False, False]


async def test_what_a_sleeping_machine_missed_fires_once() -> None:
    assert await fired(NIGHTLY, timedelta(days=5), timedelta(days=5, seconds=1)) == [True, False]
    assert await fired(OFTEN, timedelta(days=5), timedelta(days=5, seconds=1)) == [True, False]


@pytest.mark.parametrize(
    ("expression", "at", "holds"),
    [
        ("cron(0 12 * * ? *)", NOON, True), ("cron(0 12 1 * ? *)", NOON, True), ("cron(0 12 2 * ? *)", NOON, False),
        ("cron(0/15 * * * ? *)", NOON + timedelta(minutes=45), True), ("cron(0/15 * * * ? *)", NOON + timedelta(minutes=46), False),
        ("cron(0 9-17 ? * 2-6 *)", NOON, False), ("cron(0 9-17 ? * 7 *)", NOON, True), ("cron(0 8,12 * 3 ? 2031)", NOON, True),
        ("cron(*/20 * * * ? *)", NOON + timedelta(minutes=40), True),
    ],
)  # fmt: skip
def test_cron_fields(expression: str, at: datetime, holds: bool) -> None:
    when: Any = when_of(expression, NOON)
    assert when.holds(at) is holds


@pytest.mark.parametrize(
    "expression", ["every day", "rate(5 weeks)", "cron(60 * * * ? *)", "cron(0 1 L * ? *)", "cron(1 1)"]
)
def test_what_cannot_be_run_is_refused_at_the_start(expression: str) -> None:
    with pytest.raises(BadTemplate):
        when_of(expression, NOON)


async def test_the_function_gets_what_event_bridge_sends() -> None:
    functions, clock = Functions(), ManualClock(NOON)
    schedules = Schedules(functions, [OFTEN, Schedule("reports", "Own", "rate(10 minutes)", {"period": "day"})], clock)
    clock.advance(600)
    schedules.fire_due()
    await schedules.finished()
    (_, scheduled), (_, given) = functions.called
    assert (scheduled["detail-type"], scheduled["time"]) == ("Scheduled Event", "2031-03-01T12:10:00Z")
    assert given == {"period": "day"}


async def test_a_run_that_fails_is_followed_by_the_next() -> None:
    functions, clock = Functions(), ManualClock(NOON)
    functions.fails = True
    async with Schedules(functions, [OFTEN], clock) as schedules:
        for _ in range(2):
            clock.advance(600)
            schedules.fire_due()
            await schedules.finished()
    assert len(functions.called) == 2


def test_the_template_s_schedules_are_found() -> None:
    found = {schedule.rule: schedule for schedule in schedules_of(read_template(ROOT / "template.yaml"))}
    assert found["CalendarsFunctionEveryTenMinutes"].expression == "rate(10 minutes)"
    assert found["CdrFunctionEveryNight"] == Schedule("pokea-cdr", "CdrFunctionEveryNight", "cron(30 1 * * ? *)")


def test_a_disabled_schedule_is_not_run_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    body = """
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: functions.jobs.app.handler
      Events:
        Off: {Type: Schedule, Properties: {Schedule: rate(1 hour), Enabled: false}}
"""
    path.write_text(body)
    assert schedules_of(read_template(path)) == ()
    path.write_text(body.replace("Enabled: false", "Input: not json"))
    with pytest.raises(BadTemplate):
        schedules_of(read_template(path))
