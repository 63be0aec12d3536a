"""A day or a month on a business's own calendar: what a billing report is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pokea.clock import as_utc
from pokea.errors import RejectedInput
from pokea.hours import instants_of, local

YEARS = range(2000, 2200)
REPORT_HOUR = 6  # of the business's own clock: the night's look at the carrier's records is over by then
SETTLED_AFTER_DAYS = (
    4  # by then the carrier's records are there or were given up (72 hours): a report made again is the last word
)
_PERIOD = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
_SLACK = timedelta(
    hours=1
)  # clocks that go back over midnight repeat a part of a date, and a call's last leg begins after its first


@dataclass(frozen=True, slots=True)
class Period:
    """The local days `first` to `last`, both included. `name` is "2026-11" or "2026-11-20"."""

    first: date
    last: date
    tz: ZoneInfo

    @property
    def is_month(self) -> bool:
        return self.first.day == 1 and self.last + timedelta(days=1) == _next_month(self.first)

    @property
    def name(self) -> str:
        return f"{self.first:%Y-%m}" if self.is_month else self.first.isoformat()

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(_days(self.first, self.last))

    @property
    def begins_at(self) -> datetime:
        return instants_of(self.first, 0, self.tz)[0]

    @property
    def ends_at(self) -> datetime:
        """The instant after the last one."""
        return instants_of(self.last + timedelta(days=1), 0, self.tz)[-1]

    @property
    def utc_days(self) -> tuple[date, ...]:
        """The UTC days that may hold an instant of it, or a leg of one of its calls."""
        return tuple(_days((self.begins_at - _SLACK).date(), (self.ends_at + _SLACK).date()))

    def day_of(self, instant: datetime) -> date:
        return local(instant, self.tz).date()

    def holds(self, instant: datetime) -> bool:
        return self.first <= self.day_of(instant) <= self.last

    def days_begun(self, now: datetime) -> tuple[date, ...]:
        today = self.day_of(now)
        return tuple(day for day in self.days if day <= today)


def day_period(day: date, tz: ZoneInfo) -> Period:
    return Period(day, day, tz)


def month_period(day: date, tz: ZoneInfo) -> Period:
    """The month of `day`."""
    first = day.replace(day=1)
    return Period(first, _next_month(first) - timedelta(days=1), tz)


def period_of(text: str, tz: ZoneInfo) -> Period:
    """From "2026-11" or "2026-11-20". Raises RejectedInput."""
    found = _PERIOD.fullmatch(text)
    try:
        if found is None or int(found[1]) not in YEARS:
            raise ValueError
        day = date(int(found[1]), int(found[2]), int(found[3] or 1))
    except ValueError:
        raise RejectedInput("bad_period", f"{text!r} is not a month (YYYY-MM) or a day (YYYY-MM-DD)") from None
    return day_period(day, tz) if found[3] else month_period(day, tz)


def asked_for(month: str | None, day: str | None, tz: ZoneInfo) -> Period:
    """Exactly one of the two, as people and messages name it. Raises RejectedInput."""
    if (month is None) == (day is None):
        raise RejectedInput("bad_period", 'name a "month" (YYYY-MM) or a "day" (YYYY-MM-DD), and not both')
    period = period_of(month or day or "", tz)
    if period.is_month != (month is not None):
        raise RejectedInput(
            "bad_period", f"{month or day!r} is no {'month (YYYY-MM)' if month else 'day (YYYY-MM-DD)'}"
        )
    return period


def as_asked(period: Period) -> dict[str, str]:
    """What `asked_for` reads."""
    return {"month" if period.is_month else "day": period.name}


def periods_due(tz: ZoneInfo, now: datetime) -> tuple[Period, ...]:
    """What is to be reported in the hour of `now`: once a day yesterday, and the day that has settled meanwhile; at the beginning of a
    month the last one, and once more when all of it has settled. Asked every hour; twice in one hour does no harm."""
    clock = local(as_utc(now), tz)
    if clock.hour != REPORT_HOUR:
        return ()
    today = clock.date()
    due = [day_period(today - timedelta(days=ago), tz) for ago in (1, SETTLED_AFTER_DAYS)]
    if today.day in (1, SETTLED_AFTER_DAYS):
        due.append(month_period(today.replace(day=1) - timedelta(days=1), tz))
    return tuple(due)


def must_have_begun(period: Period, now: datetime) -> None:
    """Raises RejectedInput for a period that is all in the future."""
    if period.begins_at > now:
        raise RejectedInput("period_not_begun", f"{period.name} has not begun yet")


def is_over(period: Period, now: datetime) -> bool:
    return now >= period.ends_at


def _days(first: date, last: date) -> Iterator[date]:
    for ahead in range((last - first).days + 1):
        yield first + timedelta(days=ahead)


def _next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
