"""Reading the calendars of profiles on a schedule, and serving the diary as one."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.api.calendar import CalendarDesk
from functions.calendars import reader as reader_module
from functions.calendars.app import make_handler
from functions.calendars.reader import CalendarReader, Fetch, body_of
from functions.calendars.wiring import Calendars
from pokea.adapters.observability import Log
from pokea.adapters.tokens import TokenSigner
from pokea.booking import Appointment, Practitioner
from pokea.busy import BUSY
from pokea.calendars import CalendarRules
from pokea.clock import ManualClock
from pokea.desk.busy_diary import with_busy_times
from pokea.errors import Denied, NotFound, Unavailable
from pokea.ids import BusinessId
from pokea.profile import Profile
from tests.fakes.conversation import CLINIC, Conversation
from tests.fakes.memory_store import MemoryStore
from tests.unit.pokea.test_ical import calendar, span

NOW = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
MINE, HERS = "https://cal.example.com/mine.ics", "https://cal.example.com/hers.ics"
MEETING = calendar("DTSTART:20261126T110000Z\nDTEND:20261126T120000Z")
HOLIDAY = calendar("DTSTART;VALUE=DATE:20261127")


def clinic(**rules: object) -> Profile:
    njeri = Practitioner("njeri", {"en": ("Doctor Njeri",), "sw": ("Daktari Njeri",)})
    booking = replace(CLINIC.booking, practitioners={"njeri": njeri})
    return replace(CLINIC, booking=booking, calendar=CalendarRules(**rules))  # type: ignore[arg-type]


def run(
    profiles: Iterable[Profile], fetch: Fetch, store: MemoryStore, now: datetime = NOW, context: Any = None
) -> dict[str, int]:
    log = Log("calendars-test", io.StringIO())
    reader = CalendarReader(store=lambda: store, fetch=fetch, log=log)
    return make_handler(lambda: Calendars(reader, tuple(profiles), ManualClock(now)), log)({}, context)


def test_each_diary_is_blocked_by_the_business_s_calendars_and_its_own() -> None:
    store, profile = MemoryStore(), clinic(busy=(MINE,), busy_of={"njeri": (HERS,)})
    files = {MINE: MEETING, HERS: HOLIDAY}
    assert run([profile], files.__getitem__, store) == {"read": 2, "failed": 0}
    booking = with_busy_times(profile, store, NOW).booking
    assert booking.busy["main"] == (span(26, "14:00", "15:00"),)
    assert len(booking.busy["njeri"]) == 2


def test_a_business_without_calendars_is_asked_nothing_and_costs_no_reading() -> None:
    def never(url: str) -> bytes:
        raise AssertionError(url)

    assert run([clinic()], never, MemoryStore()) == {"read": 0, "failed": 0}
    assert with_busy_times(CLINIC, MemoryStore(), NOW) is CLINIC


@pytest.mark.parametrize("problem", [Unavailable("no_reply"), Denied("address_not_public")])
def test_a_calendar_that_cannot_be_read_leaves_the_last_reading(problem: Exception) -> None:
    store, profile = MemoryStore(), clinic(busy=(MINE,))
    run([profile], lambda url: MEETING, store)

    def broken(url: str) -> bytes:
        raise problem

    assert run([profile], broken, store) == {"read": 0, "failed": 2}
    assert with_busy_times(profile, store, NOW).booking.busy["main"] == (span(26, "14:00", "15:00"),)


def test_one_bad_calendar_of_two_frees_nothing() -> None:
    store, profile = MemoryStore(), clinic(busy=(MINE, HERS))
    files = {MINE: MEETING, HERS: b"<html>"}
    assert run([profile], files.__getitem__, store)["failed"] == 2
    assert store.all_records(BUSY) == ()


def test_a_new_reading_takes_the_place_of_the_old_one() -> None:
    store, profile = MemoryStore(), clinic(busy=(MINE,))
    run([profile], lambda url: MEETING, store)
    run([profile], lambda url: HOLIDAY, store)
    assert len(with_busy_times(profile, store, NOW).booking.busy["main"]) == 1
    assert {busy.version for busy in store.all_records(BUSY)} == {2}


SLOW = calendar("DTSTART:20250102T090000Z\nDTEND:20250102T100000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")


def clinics(*names: str) -> list[Profile]:
    return [
        replace(clinic(busy_of={"njeri": (f"https://cal.example.com/{n}",)}), business_id=BusinessId(n)) for n in names
    ]


@pytest.mark.parametrize(
    "surprise", [RecursionError(), MemoryError(), AssertionError("a parser's own"), RuntimeError()]
)
def test_whatever_one_calendar_does_the_others_are_read(surprise: Exception) -> None:
    def fetch(url: str) -> bytes:
        if url.endswith("b"):
            raise surprise
        return MEETING

    store = MemoryStore()
    assert run(clinics("a", "b", "c"), fetch, store) == {"read": 2, "failed": 1}
    assert {busy.business_id for busy in store.all_records(BUSY)} == {"a", "c"}


def test_a_calendar_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "DIARY_S", 0.5)
    store, began = MemoryStore(), time.perf_counter()
    files = {"a": MEETING, "b": SLOW, "c": MEETING}
    assert run(clinics("a", "b", "c"), lambda url: files[url[-1]], store) == {"read": 2, "failed": 1}
    assert time.perf_counter() - began < 10


class Context:
    """A run that has time for `diaries`."""

    def __init__(self, diaries: int) -> None:
        self._left = diaries

    def get_remaining_time_in_millis(self) -> int:
        self._left -= 1
        return 60_000 if self._left >= 0 else 1_000


def test_a_run_stops_before_its_time_is_up_and_the_next_one_goes_on_elsewhere() -> None:
    store, profiles = MemoryStore(), clinics("a", "b", "c")
    for number in range(3):
        now = NOW + timedelta(minutes=10 * number)
        assert run(profiles, lambda url: MEETING, store, now, Context(1)) == {"read": 1, "failed": 0}
    assert {busy.business_id for busy in store.all_records(BUSY)} == {"a", "b", "c"}


def test_another_thread_is_read_without_a_limit() -> None:
    with ThreadPoolExecutor(1) as worker:
        assert worker.submit(run, clinics("a"), lambda url: MEETING, MemoryStore()).result()["read"] == 1


def test_what_is_not_served_is_no_calendar() -> None:
    with pytest.raises(Unavailable, match="404"):
        body_of(404, b"")


class Diary:
    """A store that lists appointments by day, as the index does."""

    def __init__(self, appointments: Iterable[Appointment]) -> None:
        self._appointments = tuple(appointments)

    def appointments_on(self, business_id: BusinessId, day: object) -> tuple[Appointment, ...]:
        return tuple(a for a in self._appointments if a.business_id == business_id and a.starts_at.date() == day)


def desk(profile: Profile, appointments: Iterable[Appointment] = ()) -> CalendarDesk:
    return CalendarDesk(
        store=lambda: Diary(appointments),  # type: ignore[arg-type, return-value]
        profiles=lambda: {profile.business_id: profile},
        signer=lambda: TokenSigner("k" * 40),
        public_url="https://api.example.com",
        clock=ManualClock(NOW),
    )


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_the_address_leads_to_the_diary() -> None:
    call = Conversation()
    call.book("next Thursday at two thirty in the afternoon")
    booked = call.store.appointments_of(CLINIC.business_id, call.a_number)  # type: ignore[arg-type]
    offering = desk(replace(CLINIC, calendar=CalendarRules(feed=True)), booked)
    url = offering.address(CLINIC.business_id).url
    assert url.startswith("https://api.example.com/calendar/whitedent.")
    assert b"DTSTART:20261126T113000Z" in offering.diary(name_of(url))


def test_any_other_address_leads_nowhere() -> None:
    offering = desk(replace(CLINIC, calendar=CalendarRules(feed=True)))
    name = name_of(offering.address(CLINIC.business_id).url)
    wrong = [
        name[:-5] + "x.ics",
        name.replace("whitedent", "other"),
        name.removesuffix(".ics"),
        "",
        ".ics",
        "whitedent..ics",
        "é.ics",
    ]
    for mutated in wrong:
        with pytest.raises(NotFound):
            offering.diary(mutated)


def test_a_new_generation_makes_the_old_address_worthless() -> None:
    first = desk(replace(CLINIC, calendar=CalendarRules(feed=True)))
    second = desk(replace(CLINIC, calendar=CalendarRules(feed=True, generation=2)))
    with pytest.raises(NotFound):
        second.diary(name_of(first.address(CLINIC.business_id).url))


def test_a_business_that_offers_no_feed_has_none() -> None:
    offering, closed = desk(replace(CLINIC, calendar=CalendarRules(feed=True))), desk(CLINIC)
    with pytest.raises(NotFound):
        closed.address(CLINIC.business_id)
    with pytest.raises(NotFound):
        closed.diary(name_of(offering.address(CLINIC.business_id).url))
