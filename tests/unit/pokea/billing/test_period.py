"""Days and months on a business's own calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.billing.period import (
    as_asked,
    asked_for,
    day_period,
    is_over,
    month_period,
    must_have_begun,
    period_of,
    periods_due,
)
from pokea.errors import RejectedInput

NAIROBI = ZoneInfo("Africa/Nairobi")
# Clocks that change at midnight, that repeat an hour of the day before, half-hour zones, and both ends of the date line.
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Africa/Nairobi",
        "Africa/Cairo",
        "Africa/Casablanca",
        "Asia/Beirut",
        "America/Havana",
        "America/St_Johns",
        "America/Santiago",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
    )
]
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))


def test_a_month_in_nairobi_begins_at_nine_in_the_evening_utc() -> None:
    november = period_of("2026-11", NAIROBI)
    assert november.begins_at == datetime(2026, 10, 31, 21, tzinfo=UTC)
    assert november.ends_at == datetime(2026, 11, 30, 21, tzinfo=UTC)
    assert not november.holds(datetime(2026, 10, 31, 20, 59, 59, tzinfo=UTC))
    assert november.holds(datetime(2026, 10, 31, 21, tzinfo=UTC))
    assert november.holds(datetime(2026, 11, 30, 20, 59, 59, tzinfo=UTC))
    assert not november.holds(datetime(2026, 11, 30, 21, tzinfo=UTC))
    assert (len(november.days), november.name, november.is_month) == (30, "2026-11", True)


def test_a_day_in_nairobi_is_read_from_two_days_of_utc() -> None:
    assert period_of("2026-11-20", NAIROBI).utc_days == (date(2026, 11, 19), date(2026, 11, 20))


@given(INSTANTS, st.sampled_from(ZONES))
def test_every_instant_lies_in_one_day_and_one_month_and_is_found_by_both(instant: datetime, tz: ZoneInfo) -> None:
    day = instant.astimezone(tz).date()
    for period in (day_period(day, tz), month_period(day, tz)):
        assert period.holds(instant)
        assert instant.date() in period.utc_days
    for other in (day - timedelta(days=1), day + timedelta(days=1)):
        assert not day_period(other, tz).holds(instant)


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)), st.sampled_from(ZONES))
def test_the_days_of_a_month_are_the_month(day: date, tz: ZoneInfo) -> None:
    month = month_period(day, tz)
    assert period_of(month.name, tz) == month == asked_for(month.name, None, tz)
    assert {one.month for one in month.days} == {day.month} and day in month.days
    assert (month.last + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    "text",
    [
        "2026",
        "2026-13",
        "2026-00",
        "2026-02-30",
        "2026-11-",
        "26-11",
        "2026-1",
        "2026-11-20T00",
        "",
        "9999-01",
        "٢٠٢٦-١١",
    ],
)
def test_what_is_no_month_and_no_day_is_refused(text: str) -> None:
    with pytest.raises(RejectedInput, match="YYYY-MM"):
        period_of(text, NAIROBI)


@pytest.mark.parametrize(
    ("month", "day"), [(None, None), ("2026-11", "2026-11-20"), ("2026-11-20", None), (None, "2026-11")]
)
def test_exactly_one_of_month_and_day_is_asked_for(month: str | None, day: str | None) -> None:
    with pytest.raises(RejectedInput):
        asked_for(month, day, NAIROBI)


def test_a_wish_is_written_as_it_is_read() -> None:
    for name in ("2026-11", "2026-11-20"):
        period = period_of(name, NAIROBI)
        assert asked_for(as_asked(period).get("month"), as_asked(period).get("day"), NAIROBI) == period


def test_the_future_has_no_report_and_the_running_month_has_one_so_far() -> None:
    now = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
    november, december = period_of("2026-11", NAIROBI), period_of("2026-12", NAIROBI)
    must_have_begun(november, now)
    assert not is_over(november, now) and is_over(november, now + timedelta(hours=1))
    with pytest.raises(RejectedInput, match="not begun"):
        must_have_begun(december, now)
    assert november.days_begun(now - timedelta(days=27))[-1] == date(2026, 11, 3)


def due_at(moment: datetime, tz: ZoneInfo) -> list[str]:
    return [period.name for period in periods_due(tz, moment)]


def test_each_business_is_reported_to_in_its_own_morning() -> None:
    assert due_at(datetime(2026, 11, 20, 3, 10, tzinfo=UTC), NAIROBI) == ["2026-11-19", "2026-11-16"]
    assert due_at(datetime(2026, 11, 20, 3, 10, tzinfo=UTC), ZoneInfo("Africa/Lagos")) == []
    assert due_at(datetime(2026, 11, 20, 5, 10, tzinfo=UTC), ZoneInfo("Africa/Lagos")) == ["2026-11-19", "2026-11-16"]


def test_a_month_is_reported_on_its_first_day_after_and_again_when_it_has_settled() -> None:
    found = {day: due_at(datetime(2026, 12, day, 3, 10, tzinfo=UTC), NAIROBI) for day in range(1, 6)}
    assert found[1] == ["2026-11-30", "2026-11-27", "2026-11"]
    assert found[4] == ["2026-12-03", "2026-11-30", "2026-11"]
    assert all("2026-11" not in names for day, names in found.items() if day not in (1, 4))


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.sampled_from(ZONES))
def test_an_hourly_clock_asks_for_every_day_in_every_zone(day: date, tz: ZoneInfo) -> None:
    begin = datetime(day.year, day.month, day.day, 0, 10, tzinfo=UTC)
    asked = [name for hour in range(4 * 24) for name in due_at(begin + timedelta(hours=hour), tz)]
    assert (day + timedelta(days=1)).isoformat() in asked
