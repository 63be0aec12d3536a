"""What demo callers want is computed from the calendar alone."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from local.demo.wishes import FREE_HOURS, WEEKDAYS, drawn_wish, fixed_wish, in_next_week, soon, spoken_clock

DAYS = st.dates(date(2026, 1, 1), date(2032, 12, 31))


def test_the_documented_caller_wants_next_thursday_at_half_past_two() -> None:
    wish = fixed_wish(date(2026, 11, 21))
    assert wish.when == "next Thursday at two thirty"
    assert wish.starts_at == datetime(2026, 11, 26, 14, 30)


@given(DAYS, st.integers(0, 6))
def test_next_week_is_the_calendar_week_after_this_one(today: date, weekday: int) -> None:
    found = in_next_week(today, weekday)
    assert found.weekday() == weekday
    assert found.isocalendar()[:2] == (today + timedelta(days=7)).isocalendar()[:2]


@given(DAYS)
def test_a_soon_day_is_a_working_day_that_its_name_names_alone(today: date) -> None:
    day = soon(today)
    assert day.weekday() < 5
    assert 1 < (day - today).days < 7
    assert day.weekday() != today.weekday()


@given(DAYS, st.integers())
def test_a_drawn_wish_is_inside_working_hours_and_the_same_for_the_same_seed(today: date, seed: int) -> None:
    services = {"cleaning": "cleaning", "check up": "checkup"}
    wish = drawn_wish(today, random.Random(seed), services)
    assert wish == drawn_wish(today, random.Random(seed), services)
    assert wish.starts_at.hour in FREE_HOURS and wish.other_start.hour in FREE_HOURS
    assert wish.starts_at.time() != wish.other_start.time()
    assert wish.when.startswith(f"next {WEEKDAYS[wish.starts_at.weekday()]} at ")


def test_clock_times_are_spoken_as_callers_say_them() -> None:
    assert [spoken_clock(time(14, 30)), spoken_clock(time(9)), spoken_clock(time(12, 30))] == [
        "two thirty",
        "nine",
        "twelve thirty",
    ]
