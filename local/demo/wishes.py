"""What a demo caller wants: fixed for the documented scenario, drawn from a seed for its variations.

The expected instant is computed here from the calendar alone, never by the product's own code.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from local.engine.names import NAMES

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOUR_WORDS = ("twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
FREE_HOURS = (9, 10, 11, 13, 14, 15)  # well inside the opening hours, whatever the service takes


@dataclass(frozen=True)
class Wish:
    """One caller's appointment. Datetimes are naive local times of the business."""

    name: str
    service: str  # as the caller says it
    service_key: str
    when: str
    starts_at: datetime
    move_to: str  # a weekday and a part of the day
    move_day: str
    other_time: str  # what the caller says over the agent: a weekday and another time
    other_start: datetime


@dataclass(frozen=True)
class _Draw:
    name: str
    service: tuple[str, str]
    weekday: int
    at: time
    move_weekday: int
    other: time


def fixed_wish(today: date) -> Wish:
    """The conversation that the README shows."""
    return _wish(
        today, _Draw(NAMES[0], ("cleaning", "cleaning"), weekday=3, at=time(14, 30), move_weekday=4, other=time(10))
    )


def drawn_wish(today: date, rng: random.Random, services: Mapping[str, str]) -> Wish:
    """`services`: what a caller says → the service's key."""
    at, other = rng.sample([time(hour, minute) for hour in FREE_HOURS for minute in (0, 30)], 2)
    weekday, move_weekday = rng.sample(range(5), 2)
    return _wish(
        today, _Draw(rng.choice(NAMES), rng.choice(sorted(services.items())), weekday, at, move_weekday, other)
    )


def in_next_week(today: date, weekday: int) -> date:
    """The given weekday (Monday = 0) of the next calendar week: what "next Thursday" means whatever day it is."""
    monday = today - timedelta(days=today.weekday())
    return monday + timedelta(days=7 + weekday)


def soon(today: date) -> date:
    """A working day whose bare name can mean only one date: not today's weekday, and not a week away."""
    day = today + timedelta(days=2)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day


def spoken_clock(moment: time) -> str:
    """`14:30` → "two thirty", `10:00` → "ten"."""
    hour = HOUR_WORDS[moment.hour % 12]
    return f"{hour} thirty" if moment.minute else hour


def _wish(today: date, draw: _Draw) -> Wish:
    day, near = in_next_week(today, draw.weekday), soon(today)
    return Wish(
        name=draw.name,
        service=draw.service[0],
        service_key=draw.service[1],
        when=f"next {WEEKDAYS[draw.weekday]} at {spoken_clock(draw.at)}",
        starts_at=datetime.combine(day, draw.at),
        move_to=f"{WEEKDAYS[draw.move_weekday]} afternoon",
        move_day=WEEKDAYS[draw.move_weekday],
        other_time=f"{WEEKDAYS[near.weekday()]} at {spoken_clock(draw.other)}",
        other_start=datetime.combine(near, draw.other),
    )
