from __future__ import annotations

from datetime import date, timedelta

import pytest

from pokea.spoken.days import (
    DayOfMonth,
    DayWords,
    MonthDay,
    OneOf,
    Relative,
    Span,
    Weekday,
    WeeksAhead,
    Which,
    dates,
    monday,
)

SATURDAY = date(2026, 11, 21)
THURSDAY = date(2026, 11, 26)


def named(*words: DayWords, today: date = SATURDAY) -> list[date]:
    found = dates(words, today)
    assert found is not None
    return list(found.days)


def test_no_day_words_name_no_day() -> None:
    assert dates([], SATURDAY) is None


def test_words_narrow_each_other_down() -> None:
    assert named(Weekday(3), DayOfMonth(26)) == [THURSDAY]
    assert named(Weekday(3), Span("week", 1)) == [THURSDAY]
    assert named(DayOfMonth(5), Span("month", 1)) == [date(2026, 12, 5)]
    assert named(Weekday(3, Which.NEXT), MonthDay(26, 11), today=date(2026, 11, 24)) == [THURSDAY]


def test_contradicting_words_leave_nothing() -> None:
    assert named(Weekday(4), DayOfMonth(26)) == []
    assert named(Weekday(3), Weekday(4)) == []
    assert named(Relative(1), Relative(2)) == []
    assert named(OneOf((THURSDAY,)), MonthDay(27, 11)) == []


def test_weeks_begin_on_monday() -> None:
    assert monday(SATURDAY) == date(2026, 11, 16)
    assert named(Span("week", 0)) == [date(2026, 11, 16) + timedelta(days=n) for n in range(7)]


@pytest.mark.parametrize("today", [SATURDAY + timedelta(days=n) for n in range(7)])
def test_this_and_next_and_plain_agree_with_the_calendar(today: date) -> None:
    for weekday in range(7):
        plain = named(Weekday(weekday), today=today)
        assert all(day.weekday() == weekday and day >= today for day in plain)
        assert len(plain) == (2 if weekday == today.weekday() else 1)
        following = named(Weekday(weekday, Which.NEXT), today=today)
        assert all(day.weekday() == weekday and day > today for day in following)
        assert len(following) == (2 if weekday > today.weekday() else 1)
        this = named(Weekday(weekday, Which.THIS), today=today)
        assert len(this) == (1 if weekday >= today.weekday() else 0)


def test_weeks_ahead_with_a_weekday_are_one_date_only_where_both_readings_agree() -> None:
    tuesday = date(2026, 11, 24)
    assert named(WeeksAhead(2), Weekday(3), today=tuesday) == [date(2026, 12, 10)]
    assert named(WeeksAhead(2), Weekday(3)) == [date(2026, 12, 3), date(2026, 12, 10)]


def test_december_rolls_into_january() -> None:
    assert named(Span("month", 1), today=date(2026, 12, 31))[0] == date(2027, 1, 1)
    assert named(DayOfMonth(1), today=date(2026, 12, 31)) == [date(2027, 1, 1)]


def test_a_day_that_the_month_does_not_have_is_no_date() -> None:
    assert named(DayOfMonth(31)) == []
    assert named(MonthDay(31, 11)) == []
    assert named(DayOfMonth(30), today=date(2027, 1, 31)) == []  # neither today or later, nor in February
