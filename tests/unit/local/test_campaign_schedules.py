"""Schedules of campaigns on one machine: when they fire, and with what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.campaign_schedules import CampaignSchedules, numbered
from pokea.clock import ManualClock

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday, 15:00 in Nairobi
DUE = {"campaign_due": {"business": "mizani", "campaign": "year-end"}}


class Emulator:
    """The part of the scheduler's client that is read."""

    def __init__(self) -> None:
        self.schedules: dict[str, dict[str, Any]] = {}

    def set(self, expression: str, zone: str = "Africa/Nairobi") -> None:
        self.schedules["campaign-1"] = {
            "Name": "campaign-1",
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "CreationDate": NOON,
            "Target": {"Input": json.dumps(DUE)},
        }

    def list_schedules(self, **given: Any) -> dict[str, Any]:
        assert given["GroupName"] == "group"
        return {"Schedules": [{"Name": name} for name in self.schedules]}

    def get_schedule(self, **given: Any) -> dict[str, Any]:
        return self.schedules[given["Name"]]


class Functions:
    def __init__(self) -> None:
        self.called: list[tuple[str, Any]] = []

    async def call(self, name: str, event: object) -> Any:
        self.called.append((name, event))


async def fired(emulator: Emulator, *minutes: float, vanishes: bool = False) -> list[bool]:
    """Whether a campaign was started at these minutes after noon, looked at in this order."""
    clock, functions, found = ManualClock(NOON), Functions(), []
    schedules = CampaignSchedules(functions, "group", lambda: emulator, clock)
    for minute in minutes:
        clock.advance((NOON + timedelta(minutes=minute) - clock.now()).total_seconds())
        found.append(bool(await schedules.look()))
        if vanishes:
            emulator.schedules.clear()
    assert functions.called == [("pokea-campaigns", DUE)] * sum(found)
    return found


async def test_at_fires_once_on_the_clock_of_the_business() -> None:
    emulator = Emulator()
    emulator.set("at(2026-11-23T15:30:00)")
    assert await fired(emulator, 1, 29, 30, 31, 600) == [False, False, True, False, False]


async def test_what_the_emulator_deleted_at_its_time_is_fired_all_the_same() -> None:
    emulator = Emulator()
    emulator.set("at(2026-11-23T15:30:00)")
    assert await fired(emulator, 29, 30.1, 31, vanishes=True) == [False, True, False]


async def test_a_cron_fires_on_the_clock_of_the_business() -> None:
    emulator = Emulator()
    emulator.set("cron(5 15 ? * MON-FRI *)")
    assert await fired(emulator, 4, 5, 6, 24 * 60 + 5, 5 * 24 * 60 + 5) == [False, True, False, True, False]


async def test_a_rate_counts_from_when_it_was_set() -> None:
    emulator = Emulator()
    emulator.set("rate(2 hours)")
    assert await fired(emulator, 119, 120, 121, 240) == [False, True, False, True]


async def test_what_cannot_be_run_here_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    emulator = Emulator()
    emulator.set("cron(0 9 L * ? *)")
    assert await fired(emulator, 1, 60) == [False, False]
    assert "cannot" in caplog.text or "is not a schedule" in caplog.text


def test_names_of_days_and_months_are_numbers() -> None:
    assert numbered("cron(0 9 ? JAN-MAR MON-FRI *)") == "cron(0 9 ? 1-3 2-6 *)"
