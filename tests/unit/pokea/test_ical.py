"""The diary as iCalendar, and the busy times of other calendars. Fixtures are written by hand: the library must not judge itself."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.booking import AppointmentStatus
from pokea.busy import MAX_SPANS, STALE_AFTER, Busy, Span, is_busy, merged
from pokea.calendars import CalendarRules
from pokea.errors import RejectedInput
from pokea.ical import busy_times, feed
from pokea.ids import BusinessId
from tests.fakes.conversation import CLINIC, Conversation

NAIROBI = ZoneInfo("Africa/Nairobi")
MONDAY, FRIDAY = date(2026, 11, 23), date(2026, 11, 27)
NOW = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)


def calendar(*events: str) -> bytes:
    body = "".join(
        f"BEGIN:VEVENT\nUID:{number}\nDTSTAMP:20261101T000000Z\n{event}\nEND:VEVENT\n"
        for number, event in enumerate(events)
    )
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def span(day: int, first: str, last: str) -> Span:
    """Nairobi wall times of a day in November 2026."""
    times = [
        datetime.fromisoformat(f"2026-11-{day}T{at}").replace(tzinfo=NAIROBI).astimezone(UTC) for at in (first, last)
    ]
    return Span(*times)


ALL_TUESDAY = Span(datetime(2026, 11, 23, 21, tzinfo=UTC), datetime(2026, 11, 24, 21, tzinfo=UTC))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("DTSTART:20261124T060000Z\nDTEND:20261124T070000Z", [span(24, "09:00", "10:00")]),
        ("DTSTART;TZID=Africa/Nairobi:20261124T090000\nDURATION:PT90M", [span(24, "09:00", "10:30")]),
        ("DTSTART:20261124T090000\nDTEND:20261124T100000", [span(24, "09:00", "10:00")]),  # no zone: the business's own
        ("DTSTART;VALUE=DATE:20261124\nDTEND;VALUE=DATE:20261125", [ALL_TUESDAY]),
        ("DTSTART;VALUE=DATE:20261124", [ALL_TUESDAY]),
        ("DTSTART:20261102T060000Z\nDTEND:20261102T070000Z\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE",
         [span(23, "09:00", "10:00"), span(25, "09:00", "10:00")]),
        ("DTSTART:20261123T060000Z\nDTEND:20261123T070000Z\nRRULE:FREQ=DAILY\nEXDATE:20261124T060000Z,20261126T060000Z",
         [span(23, "09:00", "10:00"), span(25, "09:00", "10:00"), span(27, "09:00", "10:00")]),
        ("DTSTART:20261124T060000Z\nDTEND:20261124T070000Z\nSTATUS:CANCELLED", []),
        ("DTSTART:20261124T060000Z\nDTEND:20261124T070000Z\nTRANSP:TRANSPARENT", []),
        ("DTSTART:20261124T060000Z", []),  # takes no time
        ("DTSTART:20261201T060000Z\nDTEND:20261201T070000Z", []),  # after the horizon
    ],
)  # fmt: skip
def test_what_an_event_blocks(event: str, expected: list[Span]) -> None:
    assert list(busy_times(calendar(event), MONDAY, FRIDAY, NAIROBI)) == expected


def test_overlapping_and_touching_events_are_one_busy_time() -> None:
    events = ["DTSTART:20261124T060000Z\nDTEND:20261124T070000Z", "DTSTART:20261124T070000Z\nDTEND:20261124T080000Z"]
    assert busy_times(calendar(*events), MONDAY, FRIDAY, NAIROBI) == (span(24, "09:00", "11:00"),)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"BEGIN:VCALENDAR\r\n", b"\xff\xfe\x00",
     b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:never\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"],
)  # fmt: skip
def test_what_is_no_calendar_is_refused_and_not_taken_for_an_empty_one(content: bytes) -> None:
    with pytest.raises(RejectedInput):
        busy_times(content, MONDAY, FRIDAY, NAIROBI)


ONE = "DTSTART:20261102T060000Z\nDTEND:20261102T070000Z\n"
LONG_AGO = ONE.replace("2026", "1901")


@pytest.mark.parametrize(
    "events",
    [
        [ONE + "RRULE:FREQ=DAILY;INTERVAL=0"],
        [ONE + "RRULE:FREQ=DAILY;INTERVAL=-1"],
        [ONE + "RRULE:FREQ=SECONDLY"],
        [ONE + "RRULE:FREQ=MINUTELY;INTERVAL=90"],
        [LONG_AGO + "RRULE:FREQ=HOURLY"],
        [ONE + f"RRULE:FREQ=DAILY;BYMINUTE={','.join(map(str, range(60)))};BYSECOND={','.join(map(str, range(60)))}"],
        [LONG_AGO + "RRULE:FREQ=DAILY"] * 100,
        [ONE + "RRULE:FREQ=YEARLY\nRRULE:FREQ=SECONDLY"],
    ],
)  # fmt: skip
def test_a_calendar_that_would_hold_everybody_up_is_refused_at_once(events: list[str]) -> None:
    content, began = calendar(*events), time.thread_time()  # not the time of others on the machine
    with pytest.raises(RejectedInput):
        busy_times(content, MONDAY, FRIDAY, NAIROBI)
    assert time.thread_time() - began < 1


@pytest.mark.parametrize(
    "events",
    [
        [ONE + "RRULE:FREQ=DAILY"] * 1_200,
        [ONE + f"RDATE:{','.join(f'202611{day}T{hour:02}0000Z' for day in range(23, 28) for hour in range(24))}"] * 50,
    ],
)
def test_more_events_than_a_diary_can_use_are_refused_and_not_cut(events: list[str]) -> None:
    with pytest.raises(RejectedInput):
        busy_times(calendar(*events), MONDAY, FRIDAY, NAIROBI)


def test_long_series_of_a_busy_owner_are_read() -> None:
    series = LONG_AGO.replace("1901", "2016") + "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR"
    assert len(busy_times(calendar(*[series] * 50), MONDAY, FRIDAY, NAIROBI)) == 3


def test_a_calendar_without_end_is_refused() -> None:
    with pytest.raises(RejectedInput, match="at most"):
        busy_times(b"x" * 1_048_577, MONDAY, FRIDAY, NAIROBI)


spans = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 50)).map(
        lambda pair: Span(NOW + timedelta(minutes=pair[0]), NOW + timedelta(minutes=sum(pair)))
    ),
    max_size=30,
)


@given(spans)
def test_merging_changes_no_minute(found: list[Span]) -> None:
    joined = merged(found)
    assert all(one.ends_at < other.starts_at for one, other in pairwise(joined))
    for minute in range(560):
        start = NOW + timedelta(minutes=minute)
        end = start + timedelta(minutes=1)
        assert is_busy(joined, start, end) == is_busy(found, start, end)


def test_there_are_never_more_than_a_diary_can_use() -> None:
    many = [Span(NOW + timedelta(hours=2 * n), NOW + timedelta(hours=2 * n + 1)) for n in range(MAX_SPANS + 5)]
    assert len(merged(many)) == MAX_SPANS


def test_a_reading_that_is_a_day_old_counts_no_more() -> None:
    busy = Busy(business_id=BusinessId("c"), resource="main", spans=(span(24, "09:00", "10:00"),), read_at=NOW)
    assert busy.at(NOW + STALE_AFTER - timedelta(seconds=1))
    assert busy.at(NOW + STALE_AFTER) == ()


def test_the_feed_holds_booked_appointments_and_no_name_unless_the_profile_says_so() -> None:
    call = Conversation()
    call.book("next Thursday at two thirty in the afternoon", name="Amina")
    booked = call.store.appointments_of(CLINIC.business_id, call.a_number)  # type: ignore[arg-type]
    cancelled = replace(booked[0], status=AppointmentStatus.CANCELLED)
    content = feed(CLINIC, [*booked, cancelled], NOW).decode()
    assert content.count("BEGIN:VEVENT") == 1
    assert "DTSTART:20261126T113000Z" in content and "DTEND:20261126T120000Z" in content
    assert "SUMMARY:cleaning\r\n" in content and "Amina" not in content
    named = feed(replace(CLINIC, calendar=CalendarRules(feed=True, names=True)), booked, NOW).decode()
    assert "SUMMARY:cleaning: Amina\r\n" in named


def test_a_name_cannot_break_out_of_its_line() -> None:
    call = Conversation()
    call.book("next Thursday at two thirty in the afternoon")
    booked = call.store.appointments_of(CLINIC.business_id, call.a_number)[0]  # type: ignore[arg-type]
    hostile = replace(booked, name="A\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:x;,")
    content = feed(replace(CLINIC, calendar=CalendarRules(names=True)), [hostile], NOW).decode()
    assert content.count("\r\nBEGIN:VEVENT") == 1


def test_busy_times_are_neither_offered_nor_booked() -> None:
    blocked = replace(CLINIC.booking, busy={"main": (span(26, "14:00", "15:00"),)})
    call = Conversation(profile=replace(CLINIC, booking=blocked))
    refused = call.propose("next Thursday at two thirty in the afternoon")
    assert refused.payload["status"] == "taken"
    assert call.propose("next Thursday at three in the afternoon").payload["status"] == "proposed"
