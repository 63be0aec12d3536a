from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from pokea.errors import Misuse, RejectedInput
from pokea.hours import Opening, OpeningHours, bounds, exists, instants_of, is_repeated, local

NAIROBI = ZoneInfo("Africa/Nairobi")
NEW_YORK = ZoneInfo("America/New_York")
BROKEN_DAY = OpeningHours(
    {0: (Opening.parse("08:00-12:00"), Opening.parse("13:00-17:00"))}, frozenset({date(2026, 12, 7)})
)
MONDAY = date(2026, 11, 23)


def nairobi(hour: int, minute: int = 0, day: int = 23) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=NAIROBI)


def test_openings_are_read_from_text() -> None:
    assert Opening.parse("08:00-17:30") == Opening(480, 1050)
    assert Opening.parse("00:00 - 24:00") == Opening(0, 1440)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "08:00",
        "8:00-17:00",
        "17:00-08:00",
        "08:00-08:00",
        "08:00-24:01",
        "08:60-17:00",
        "aa:bb-cc:dd",
        "08:00-٠٩:٠٠",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(RejectedInput):
        Opening.parse(text)


def test_a_visit_must_lie_within_one_opening() -> None:
    assert BROKEN_DAY.covers(nairobi(8), nairobi(12), NAIROBI)
    assert not BROKEN_DAY.covers(nairobi(11, 45), nairobi(12, 15), NAIROBI)
    assert not BROKEN_DAY.covers(nairobi(11, 45), nairobi(13, 15), NAIROBI)
    assert not BROKEN_DAY.covers(nairobi(7, 45), nairobi(8, 15), NAIROBI)
    assert BROKEN_DAY.covers(nairobi(13), nairobi(17), NAIROBI)


def test_a_closed_day_and_a_day_not_listed_are_closed() -> None:
    assert BROKEN_DAY.on(date(2026, 12, 7)) == ()
    assert BROKEN_DAY.on(date(2026, 11, 24)) == ()
    assert not BROKEN_DAY.covers(nairobi(9, day=24), nairobi(10, day=24), NAIROBI)


def test_one_may_begin_up_to_but_not_at_closing_time() -> None:
    assert BROKEN_DAY.is_open_at(MONDAY, 480)
    assert BROKEN_DAY.is_open_at(MONDAY, 1019)
    assert not BROKEN_DAY.is_open_at(MONDAY, 1020)
    assert not BROKEN_DAY.is_open_at(MONDAY, 720)


def test_a_night_at_which_clocks_go_back_is_an_hour_longer() -> None:
    opens, closes = bounds(date(2026, 11, 1), Opening.parse("00:30-03:30"), NEW_YORK)
    assert (closes - opens).total_seconds() == 4 * 3600


def test_skipped_and_repeated_wall_times() -> None:
    assert not exists(date(2027, 3, 14), 150, NEW_YORK)
    assert instants_of(date(2027, 3, 14), 150, NEW_YORK) == (datetime(2027, 3, 14, 7, 30, tzinfo=UTC),)
    first, second = instants_of(date(2026, 11, 1), 90, NEW_YORK)
    assert (second - first).total_seconds() == 3600
    assert is_repeated(first, NEW_YORK)
    assert is_repeated(second, NEW_YORK)
    assert not is_repeated(nairobi(9), NAIROBI)


def test_minutes_beyond_midnight_belong_to_the_next_day() -> None:
    assert instants_of(MONDAY, 1440, NAIROBI) == (nairobi(0, day=24).astimezone(UTC),)


def test_a_datetime_without_a_zone_names_no_instant() -> None:
    with pytest.raises(Misuse):
        local(datetime(2026, 11, 23), NAIROBI)
