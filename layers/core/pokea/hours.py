"""Opening hours and local time. The one place where wall-clock time and instants meet.

Two aware datetimes of one zone subtract as wall time, which is an hour wrong across a clock change, so everything here counts in UTC
and turns wall time into an instant exactly once, in `instants_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pokea.clock import as_utc
from pokea.errors import RejectedInput

DAY_MINUTES = 24 * 60
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")  # index = date.weekday()


@dataclass(frozen=True, slots=True)
class Opening:
    """One stretch of open time, in minutes of the local day: `opens_min` inclusive, `closes_min` exclusive, at most 1440."""

    opens_min: int
    closes_min: int

    def __post_init__(self) -> None:
        if not 0 <= self.opens_min < self.closes_min <= DAY_MINUTES:
            raise RejectedInput("bad_opening", "an opening must end after it begins, within one day")

    @classmethod
    def parse(cls, text: str) -> Opening:
        """From "08:00-17:00"; "24:00" is the end of the day. Raises RejectedInput."""
        opens, separator, closes = text.partition("-")
        if not separator:
            raise RejectedInput("bad_opening", f"{text!r} is not opening hours like 08:00-17:00")
        return cls(_minute(opens.strip(), text), _minute(closes.strip(), text))


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When a business is open. `week` by weekday (0 = Monday); a day that is not in it, or in `closed_days`, is closed."""

    week: Mapping[int, tuple[Opening, ...]]
    closed_days: frozenset[date] = field(default_factory=frozenset)

    def on(self, day: date) -> tuple[Opening, ...]:
        return () if day in self.closed_days else self.week.get(day.weekday(), ())

    def is_open_at(self, day: date, minute: int) -> bool:
        """Whether somebody could begin at `minute` of `day`, as far as opening hours go."""
        return any(opening.opens_min <= minute < opening.closes_min for opening in self.on(day))

    def covers(self, start: datetime, end: datetime, tz: ZoneInfo) -> bool:
        """Whether the whole of [start, end) lies within one stretch of open time."""
        start, end = as_utc(start), as_utc(end)
        for day in (local(start, tz).date(), local(start, tz).date() - timedelta(days=1)):
            for opening in self.on(day):
                opens, closes = bounds(day, opening, tz)
                if opens <= start and end <= closes:
                    return True
        return False


def bounds(day: date, opening: Opening, tz: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants at which an opening begins and ends on `day`; the later reading of a repeated time ends it."""
    return instants_of(day, opening.opens_min, tz)[0], instants_of(day, opening.closes_min, tz)[-1]


def local(instant: datetime, tz: ZoneInfo) -> datetime:
    """`instant` on the wall clock of `tz`."""
    return as_utc(instant).astimezone(tz)


def instants_of(day: date, minute: int, tz: ZoneInfo) -> tuple[datetime, ...]:
    """The instants, in UTC, at which the wall clock of `tz` shows `minute` of `day`.

    Usually one. Two, earlier first, when clocks go back over it. When clocks jump forward over it the time does not exist and the
    instant the clock would have shown it, had it not been moved, is returned: see `exists`. `minute` may be 1440 or more: next day.
    """
    wall = datetime.combine(day, time(0)) + timedelta(minutes=minute)
    first, second = (wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    return (first, second) if first < second else (first,)


def exists(day: date, minute: int, tz: ZoneInfo) -> bool:
    """Whether the wall clock of `tz` ever shows `minute` of `day`."""
    wall = datetime.combine(day, time(0)) + timedelta(minutes=minute)
    return local(wall.replace(tzinfo=tz), tz).replace(tzinfo=None) == wall


def is_repeated(instant: datetime, tz: ZoneInfo) -> bool:
    """Whether the wall clock of `tz` shows the time of `instant` twice that day."""
    wall = local(instant, tz)
    return len(instants_of(wall.date(), wall.hour * 60 + wall.minute, tz)) == 2


def _minute(text: str, whole: str) -> int:
    hours, separator, minutes = text.partition(":")
    if not (
        separator and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()
    ):
        raise RejectedInput("bad_opening", f"{whole!r} is not opening hours like 08:00-17:00")
    if int(minutes) > 59 or int(hours) > 24:
        raise RejectedInput("bad_opening", f"{whole!r} is not a time of day")
    return int(hours) * 60 + int(minutes)
