from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from pokea.booking import Slot
from pokea.free_times import MAX_DAYS_READ, alternatives, free_on, offers, starts_on
from pokea.spoken.times_en import AFTERNOON, EVENING
from tests.unit.pokea.booking_samples import CLEANING, FILLING, NAIROBI, NOW, Diary, booked, nairobi, rules

THURSDAY, FRIDAY = date(2026, 11, 26), date(2026, 11, 27)


def hhmm(starts: list[datetime]) -> list[str]:
    return [start.astimezone(NAIROBI).strftime("%a %H:%M") for start in starts]


def full(diary: Diary, day: int) -> None:
    for quarter in range(36):
        diary.seat(booked(nairobi(8, day=day) + timedelta(minutes=15 * quarter), f"A{day}{quarter}"))


def test_starts_leave_room_for_the_whole_service() -> None:
    starts = starts_on(rules(), FILLING, THURSDAY, None, NOW)
    assert (hhmm(starts)[0], hhmm(starts)[-1], len(starts)) == ("Thu 08:00", "Thu 16:15", 34)


def test_today_begins_now() -> None:
    assert hhmm(starts_on(rules(), CLEANING, date(2026, 11, 23), None, NOW + timedelta(minutes=50)))[0] == "Mon 09:00"


def test_a_part_of_the_day_narrows() -> None:
    starts = starts_on(rules(), CLEANING, FRIDAY, AFTERNOON, NOW)
    assert (hhmm(starts)[0], hhmm(starts)[-1]) == ("Fri 12:00", "Fri 16:30")
    assert hhmm(starts_on(rules(), CLEANING, FRIDAY, EVENING, NOW)) == ["Fri 16:00", "Fri 16:15", "Fri 16:30"]


def test_taken_slots_are_not_free_and_own_ones_are() -> None:
    diary = Diary()
    diary.seat(booked(nairobi(8), "A1"))
    assert hhmm(free_on(rules(), CLEANING, THURSDAY, None, NOW, diary.read))[0] == "Thu 08:30"
    assert hhmm(free_on(rules(), CLEANING, THURSDAY, None, NOW, diary.read, frozenset({"A1"})))[0] == "Thu 08:00"


def test_a_closed_day_costs_no_read() -> None:
    def never(keys: object) -> tuple[Slot, ...]:
        raise AssertionError("nothing to read")

    assert free_on(rules(), CLEANING, date(2026, 11, 28), None, NOW, never) == []


def test_one_day_is_offered_spread_over_it() -> None:
    assert hhmm(offers(rules(), CLEANING, FRIDAY, FRIDAY, AFTERNOON, NOW, Diary().read)) == [
        "Fri 12:00",
        "Fri 14:30",
        "Fri 16:30",
    ]


def test_several_days_are_offered_one_time_each() -> None:
    found = offers(rules(), CLEANING, THURSDAY, date(2026, 12, 4), None, NOW, Diary().read)
    assert hhmm(found) == ["Thu 08:00", "Fri 08:00", "Mon 08:00"]


def test_two_days_with_room_still_give_three_times() -> None:
    found = offers(rules(), CLEANING, THURSDAY, FRIDAY, None, NOW, Diary().read)
    assert hhmm(found) == ["Thu 08:00", "Thu 08:30", "Fri 08:00"]


def test_an_odd_quarter_is_offered_when_nothing_neater_is_left() -> None:
    diary = Diary()
    for minutes in (*range(0, 60, 15), *range(105, 540, 15)):
        diary.seat(booked(nairobi(8, day=27) + timedelta(minutes=minutes), f"A{minutes}"))
    assert hhmm(offers(rules(), CLEANING, FRIDAY, FRIDAY, None, NOW, diary.read)) == ["Fri 09:15"]


def test_alternatives_are_of_the_same_day_nearest_first() -> None:
    diary = Diary()
    diary.seat(booked(nairobi(14, 30), "A1"))
    found = alternatives(rules(), CLEANING, nairobi(14, 30), NOW, diary.read)
    assert hhmm(found) == ["Thu 14:00", "Thu 15:00", "Thu 13:45"]


def test_alternatives_go_on_with_the_nearest_of_each_following_day() -> None:
    diary = Diary()
    full(diary, 26)
    found = alternatives(rules(), CLEANING, nairobi(14, 30), NOW, diary.read)
    assert hhmm(found) == ["Fri 14:30", "Mon 14:30", "Tue 14:30"]


def test_a_time_on_a_closed_day_leads_to_the_same_time_on_open_days() -> None:
    found = alternatives(rules(), CLEANING, nairobi(10, day=28), NOW, Diary().read)
    assert hhmm(found) == ["Mon 10:00", "Tue 10:00", "Wed 10:00"]


@pytest.mark.parametrize("horizon_days", [2, 60])
def test_the_search_ends_at_the_horizon_and_after_a_fortnight(horizon_days: int) -> None:
    days: set[date] = set()

    def all_taken(keys: object) -> tuple[Slot, ...]:
        assert isinstance(keys, list)
        days.update(key.starts_at.date() for key in keys)
        diary = Diary()
        for key in keys:
            diary.seat(booked(key.starts_at, "A1"))
        return diary.read(keys)

    small = rules(horizon_days=horizon_days)
    assert alternatives(small, CLEANING, NOW, NOW, all_taken) == []
    assert offers(small, CLEANING, NOW.date(), date(2027, 3, 1), None, NOW, all_taken) == []
    assert max(days) <= NOW.date() + timedelta(days=min(horizon_days, MAX_DAYS_READ - 1))
