"""Reads the calendars that profiles name, and keeps the times at which they block a diary.

One calendar that cannot be read leaves the diary's last reading as it is: half a reading would free times that are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from functions.calendars.limits import within
from pokea.adapters.observability import Log
from pokea.busy import BUSY, Busy, Span, merged
from pokea.errors import CallError, Conflict, Unavailable
from pokea.hours import local
from pokea.ical import busy_times
from pokea.ports import Change, Store
from pokea.profile import Profile

RUN_EVERY_S = 600  # as template.yaml says
DIARY_S = 15.0  # for fetching and reading the calendars of one diary

Fetch = Callable[[str], bytes]
"""URL → calendar. Raises CallError."""


@dataclass(frozen=True, slots=True)
class Tally:
    read: int = 0
    failed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.read + other.read, self.failed + other.failed)


def diaries(profiles: Iterable[Profile], now: datetime) -> tuple[tuple[Profile, str], ...]:
    """Every diary that has calendars, as profile and resource. Each run begins one further on, so that the last ones have their turn even
    if no run gets through."""
    found = [
        (profile, resource)
        for profile in profiles
        if profile.calendar.is_imported
        for resource in (profile.booking.resource, *profile.booking.practitioners)
        if profile.calendar.urls_of(resource)
    ]
    first = int(now.timestamp() // RUN_EVERY_S) % len(found) if found else 0
    return (*found[first:], *found[:first])


class CalendarReader:
    def __init__(self, *, store: Callable[[], Store], fetch: Fetch, log: Log) -> None:
        self._store = store
        self._fetch = fetch
        self._log = log

    def read(self, profile: Profile, resource: str, now: datetime) -> Tally:
        """Read the calendars of one diary. What fails in a way that is known of calendars is counted, and the rest raised."""
        urls = profile.calendar.urls_of(resource)
        try:
            with within(DIARY_S):
                spans = merged(span for url in urls for span in self._spans(profile, url, now))
            self._keep(Busy(business_id=profile.business_id, resource=resource, spans=spans, read_at=now))
        except CallError as problem:
            self._log.warning(
                "calendar not read",
                business_id=profile.business_id,
                resource=resource,
                code=problem.code,
                count=len(urls),
            )
            self._log.count("CalendarNotRead")
            return Tally(failed=1)
        return Tally(read=1)

    def _spans(self, profile: Profile, url: str, now: datetime) -> tuple[Span, ...]:
        today = local(now, profile.tz).date()
        return busy_times(self._fetch(url), today, profile.booking.last_day(now), profile.tz)

    def _keep(self, busy: Busy) -> None:
        store = self._store()
        known = store.record(BUSY, busy.business_id, busy.resource)
        try:
            store.apply(Change(records=(BUSY.of(replace(busy, version=known.version if known else 0)),)))
        except Conflict:
            return  # another reading was faster, and it is as fresh as ours


def body_of(status: int, body: bytes) -> bytes:
    """What an HTTP reply holds. Raises Unavailable unless it is a success."""
    if status != 200:
        raise Unavailable("calendar_not_served", f"HTTP {status}")
    return body
