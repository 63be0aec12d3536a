from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pokea.spoken import aloud as spoken

NAIROBI = ZoneInfo("Africa/Nairobi")
NEW_YORK = ZoneInfo("America/New_York")


def nairobi(hour: int, minute: int = 0, day: int = 26) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=NAIROBI)


@pytest.mark.parametrize(
    ("hour", "minute", "english", "swahili"),
    [
        (0, 0, "midnight, at the start of the day", "saa sita usiku wa kuamkia"),
        (0, 30, "0:30", "saa sita na nusu usiku wa kuamkia"),
        (5, 0, "5 o'clock in the morning", "saa kumi na moja alfajiri"),
        (6, 45, "6:45 in the morning", "saa moja kasorobo asubuhi"),
        (9, 0, "9 o'clock in the morning", "saa tatu asubuhi"),
        (9, 5, "9:05 in the morning", "saa tatu na dakika tano asubuhi"),
        (12, 0, "12 noon", "saa sita mchana"),
        (12, 15, "12:15 in the afternoon", "saa sita na robo mchana"),
        (14, 30, "2:30 in the afternoon", "saa nane na nusu mchana"),
        (16, 0, "4 o'clock in the afternoon", "saa kumi jioni"),
        (18, 30, "6:30 in the evening", "saa kumi na mbili na nusu jioni"),
        (23, 45, "11:45 in the evening", "saa sita kasorobo usiku"),
    ],
)
def test_clock_times_are_said_as_people_say_them(hour: int, minute: int, english: str, swahili: str) -> None:
    assert spoken.clock(nairobi(hour, minute), NAIROBI, "en") == english
    assert spoken.clock(nairobi(hour, minute), NAIROBI, "sw") == swahili


def test_an_instant_names_day_and_time() -> None:
    assert spoken.instant(nairobi(14, 30), NAIROBI, "en") == "Thursday the 26th of November at 2:30 in the afternoon"
    assert spoken.instant(nairobi(14, 30), NAIROBI, "sw") == "Alhamisi tarehe 26 Novemba saa nane na nusu mchana"


@pytest.mark.parametrize(
    ("day", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (22, "22nd"), (30, "30th")],
)
def test_days_of_the_month_are_ordinals(day: int, said: str) -> None:
    assert f"the {said} of November" in spoken.day(date(2026, 11, day), "en")


def test_a_choice_of_times_says_each_day_and_each_part_once() -> None:
    starts = [nairobi(14), nairobi(14, 30), nairobi(9, day=27)]
    assert spoken.times(starts, NAIROBI, "en") == (
        "Thursday the 26th of November at 2 o'clock or 2:30 in the afternoon or "
        "Friday the 27th of November at 9 o'clock in the morning"
    )
    assert spoken.times(starts[:2], NAIROBI, "sw") == "Alhamisi tarehe 26 Novemba saa nane au saa nane na nusu mchana"


def test_lists_end_with_or_and_and() -> None:
    assert spoken.joined([], "en") == ""
    assert spoken.joined(["a"], "en") == "a"
    assert spoken.joined(["a", "b", "c"], "en") == "a, b or c"
    assert spoken.joined(["a", "b"], "sw", all_of=True) == "a na b"


def test_a_repeated_time_is_told_apart() -> None:
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert spoken.instant(first, NEW_YORK, "en").endswith("1:30 in the morning, before the clocks change")
    assert spoken.instant(first + timedelta(hours=1), NEW_YORK, "sw").endswith(", baada ya saa kubadilika")


def test_iso_local_has_an_offset_only_where_it_is_needed() -> None:
    assert spoken.iso_local(nairobi(14, 30), NAIROBI) == "2026-11-26T14:30"
    assert spoken.iso_local(datetime(2026, 11, 1, 5, 30, tzinfo=UTC), NEW_YORK) == "2026-11-01T01:30-04:00"
    assert spoken.iso_local(datetime(2026, 11, 1, 6, 30, tzinfo=UTC), NEW_YORK) == "2026-11-01T01:30-05:00"


def test_anything_but_an_iso_time_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        spoken.from_iso_local("tomorrow", NAIROBI)
