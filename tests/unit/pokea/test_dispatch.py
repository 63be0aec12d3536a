"""Rules of deliveries, and the table of a profile that they come from."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from pokea import agents
from pokea.dispatch import DispatchRules, NotThen, last_day, may_call, minutes_until, why_not, window_of
from pokea.hours import Opening, OpeningHours
from pokea.lines import PACKAGED, BadProfile
from pokea.profile import load_profile
from pokea.spoken.said import Part
from tests.fakes.conversation import SATURDAY
from tests.unit.pokea.shipment_samples import COURIER

SOURCE = (PACKAGED / "boda.toml").read_text(encoding="utf-8")
TODAY = date(2026, 11, 21)
WORKDAYS = OpeningHours(dict.fromkeys(range(5), (Opening.parse("08:00-12:00"), Opening.parse("14:00-17:00"))))
RULES = DispatchRules(horizon_days=7)


@pytest.mark.parametrize(
    ("day", "answer"),
    [
        (date(2026, 11, 20), NotThen.PAST),
        (date(2026, 11, 22), NotThen.CLOSED),  # a Sunday
        (date(2026, 11, 23), None),
        (date(2026, 11, 28), NotThen.CLOSED),
        (date(2026, 11, 30), NotThen.TOO_FAR),
    ],
)
def test_a_delivery_may_come_on_a_day_that_is_open_and_near(day: date, answer: NotThen | None) -> None:
    assert why_not(RULES, WORKDAYS, day, TODAY) is answer
    assert last_day(RULES, TODAY) == date(2026, 11, 28)


def test_delivery_hours_go_before_opening_hours() -> None:
    sundays = OpeningHours({6: (Opening.parse("10:00-16:00"),)})
    assert why_not(replace(RULES, delivery_hours=sundays), WORKDAYS, date(2026, 11, 22), TODAY) is None


@pytest.mark.parametrize(
    ("part", "window"),
    [
        (None, ""),
        (Part("morning", 60, 720), "08:00-12:00"),
        (Part("afternoon", 720, 1140), "14:00-17:00"),
        (Part("late", 930, 1140), "15:30-17:00"),
        (Part("night", 1200, 1440), None),
    ],
)
def test_a_part_of_the_day_is_cut_to_when_drivers_are_out(part: Part | None, window: str | None) -> None:
    assert window_of(RULES, WORKDAYS, date(2026, 11, 23), part) == window


@pytest.mark.parametrize(("seconds", "minutes"), [(2_460, 40), (2_580, 45), (200, 3), (20, 1), (0, 0), (-600, -10)])
def test_minutes_are_told_in_fives(seconds: int, minutes: int) -> None:
    assert minutes_until(SATURDAY + timedelta(seconds=seconds), SATURDAY) == minutes


def test_recipients_are_rung_in_calling_hours_of_the_businesss_own_zone() -> None:
    assert COURIER.dispatch is not None
    for hours, allowed in ((0, True), (10, False), (-3, False)):  # 10:00, 20:00 and 07:00 in Nairobi
        assert may_call(COURIER.dispatch, COURIER.hours, COURIER.tz, SATURDAY + timedelta(hours=hours)) is allowed
    assert not may_call(RULES, WORKDAYS, COURIER.tz, SATURDAY)  # without hours of their own: the opening hours


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"aadddc"', '"a-d"', "dispatch.tracking_pattern"),
        ('"aadddc"', '"cadd"', "dispatch.tracking_pattern"),
        ("horizon_days = 14", "horizon_days = 0", "dispatch.horizon_days"),
        ("horizon_days = 14", "radius_km = 5", "dispatch.radius_km"),
        ('department = "dispatchers"', 'department = "Nobody!"', "dispatch.department"),
    ],
)
def test_a_table_that_cannot_be_used_is_named_by_its_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert SOURCE.count(old) == 1
    path = tmp_path / "bad.toml"
    path.write_text(SOURCE.replace(old, new))
    with pytest.raises(BadProfile) as problem:
        load_profile(path)
    assert problem.value.key == key


def test_the_agent_says_what_its_profile_lacks() -> None:
    agent = agents.get("dispatch")
    assert agent.problem(COURIER) is None
    assert "dispatch:" in (agent.problem(replace(COURIER, dispatch=None)) or "")
    assert COURIER.dispatch is not None
    lost = replace(COURIER, dispatch=replace(COURIER.dispatch, department="nobody"))
    assert "dispatch.department" in (agent.problem(lost) or "")
