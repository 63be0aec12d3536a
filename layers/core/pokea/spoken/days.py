"""Words that name days, as data: what each can mean on the day it is said.

Each kind knows two things: the dates it can mean (`candidates`, several when it is ambiguous) and whether a date fits it (`allows`), so
that "Thursday the 26th" or a question answered with one more word narrows down instead of contradicting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

ANY_DAY_SPAN = 14  # days that "any day" looks at: two weeks are as many as one can choose from by ear
WEEK = timedelta(days=7)


class Which(StrEnum):
    PLAIN = "plain"  # "Thursday"
    THIS = "this"
    NEXT = "next"


@dataclass(frozen=True, slots=True)
class Relative:
    """So many days from today: "tomorrow" is 1."""

    days: int

    def candidates(self, today: date) -> tuple[date, ...]:
        return (today + timedelta(days=self.days),)

    def allows(self, day: date, today: date) -> bool:
        return day in self.candidates(today)


@dataclass(frozen=True, slots=True)
class OneOf:
    """A date said in full, or figures that can be read as two dates ("3/4/2027")."""

    days: tuple[date, ...]

    def candidates(self, today: date) -> tuple[date, ...]:
        return self.days

    def allows(self, day: date, today: date) -> bool:
        return day in self.days


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day and a month: the nearest one. On 21 November "20 November" is yesterday (a slip), and "3 March" is the coming one."""

    day: int
    month: int

    def candidates(self, today: date) -> tuple[date, ...]:
        found = [day for year in (-1, 0, 1) if (day := _date(today.year + year, self.month, self.day))]
        return (min(found, key=lambda day: (abs(day - today), day < today)),) if found else ()

    def allows(self, day: date, today: date) -> bool:
        return (day.month, day.day) == (self.month, self.day)


@dataclass(frozen=True, slots=True)
class DayOfMonth:
    """A day alone, "the 26th": of this month, or of the next when this month's is over. Today's number can mean either.

    "The 31st" in a month of thirty days is more likely a slip than a date two months ahead: no candidate.
    """

    day: int

    def candidates(self, today: date) -> tuple[date, ...]:
        here = _date(today.year, today.month, self.day)
        following = _next_month(today)
        there = _date(following.year, following.month, self.day)
        if here is None:
            return ()
        if here > today:
            return (here,)
        return tuple(day for day in (here if here == today else None, there) if day)

    def allows(self, day: date, today: date) -> bool:
        return day.day == self.day


@dataclass(frozen=True, slots=True)
class Weekday:
    """Such as "Thursday", "this Thursday", "next Thursday". `weekday`: 0 is Monday, as in `date.weekday()`; weeks begin on Monday.

    - plain: the coming one; said on a Thursday, today or in a week.
    - this: the one of this week; the coming one as a question when it is over (no candidate).
    - next: the coming one where that lies in next week; otherwise people differ, so both.
    """

    weekday: int
    which: Which = Which.PLAIN

    def candidates(self, today: date) -> tuple[date, ...]:
        of_this_week = monday(today) + timedelta(days=self.weekday)
        coming = of_this_week if of_this_week > today else of_this_week + WEEK
        if self.which is Which.THIS:
            return (of_this_week,) if of_this_week >= today else ()
        if self.which is Which.NEXT:
            return (coming, coming + WEEK) if coming == of_this_week else (coming,)
        return (today, coming) if of_this_week == today else (coming,)

    def allows(self, day: date, today: date) -> bool:
        return day.weekday() == self.weekday


@dataclass(frozen=True, slots=True)
class WeeksAhead:
    """So many weeks from today: the same weekday then. With a weekday ("Thursday in two weeks") see `with_weekday`."""

    weeks: int

    def candidates(self, today: date) -> tuple[date, ...]:
        return (today + self.weeks * WEEK,)

    def allows(self, day: date, today: date) -> bool:
        return day in self.candidates(today)

    def with_weekday(self, weekday: int, today: date) -> tuple[date, ...]:
        """That weekday of the week so far ahead, and the coming one plus so many weeks: one date or two."""
        in_week = monday(today) + self.weeks * WEEK + timedelta(days=weekday)
        (from_coming,) = {day + self.weeks * WEEK for day in Weekday(weekday).candidates(today)[-1:]}
        return tuple(sorted({in_week, from_coming}))


@dataclass(frozen=True, slots=True)
class Span:
    """Several days in a row: "next week", "this month", "the weekend". First and last count days from `anchor`'s first day."""

    anchor: str  # "today", "week" or "month"
    ahead: int = 0  # whole anchors ahead
    first: int = 0
    last: int | None = None  # None: to the end of the anchor

    def candidates(self, today: date) -> tuple[date, ...]:
        if self.anchor == "month":
            start = today.replace(day=1)
            for _ in range(self.ahead):
                start = _next_month(start)
            end = _next_month(start) - timedelta(days=1)
        elif self.anchor == "week":
            start = monday(today) + self.ahead * WEEK
            end = start + timedelta(days=6)
        else:
            start, end = today, today + timedelta(days=ANY_DAY_SPAN - 1)
        last = end if self.last is None else start + timedelta(days=self.last)
        begins = start + timedelta(days=self.first)
        return tuple(begins + timedelta(days=number) for number in range((last - begins).days + 1))

    def allows(self, day: date, today: date) -> bool:
        return day in self.candidates(today)


DayWords = Relative | OneOf | MonthDay | DayOfMonth | Weekday | WeeksAhead | Span


@dataclass(frozen=True, slots=True)
class Dates:
    """What all day words together leave. `is_span`: any of them will do; otherwise exactly one is meant."""

    days: tuple[date, ...]
    is_span: bool = False


def dates(words: Sequence[DayWords], today: date) -> Dates | None:
    """The dates that fit every one of `words`, earliest first; None when no day was named."""
    if not words:
        return None
    is_span = all(isinstance(word, Span) for word in words)
    fitting = {day for day in _base(words, today) if all(_fits(word, day, words, today) for word in words)}
    return Dates(tuple(sorted(fitting)), is_span)


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _base(words: Sequence[DayWords], today: date) -> Sequence[date]:
    """The candidates of the most exact word."""
    weekdays = [word for word in words if isinstance(word, Weekday)]
    for word in words:
        if isinstance(word, OneOf | MonthDay | Relative):
            return word.candidates(today)
        if isinstance(word, WeeksAhead):
            return word.with_weekday(weekdays[0].weekday, today) if weekdays else word.candidates(today)
    for kind in (Span, DayOfMonth):
        for word in words:
            if isinstance(word, kind):
                return word.candidates(today)
    return sorted(set[date].intersection(*(set(word.candidates(today)) for word in weekdays)))


def _fits(word: DayWords, day: date, words: Sequence[DayWords], today: date) -> bool:
    if isinstance(word, WeeksAhead) and any(isinstance(other, Weekday) for other in words):
        return True  # already taken into account together with the weekday
    return word.allows(day, today)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
