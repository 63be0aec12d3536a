"""The calendars function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from functions.calendars.reader import CalendarReader, body_of
from functions.calendars.settings import CalendarsSettings
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.observability import Log
from pokea.adapters.public_http import PublicHttp
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.clock import Clock
from pokea.ical import MAX_CALENDAR_BYTES
from pokea.profile import Profile, load_profiles

FETCH_TIMEOUT_S = 8.0  # nobody is on the line


@dataclass(frozen=True, slots=True)
class Calendars:
    reader: CalendarReader
    profiles: tuple[Profile, ...]
    clock: Clock


def build(environ: Mapping[str, str]) -> Calendars:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(CalendarsSettings, environ)
    http = PublicHttp(allow_private=settings.allow_private, timeout_s=FETCH_TIMEOUT_S, max_bytes=MAX_CALENDAR_BYTES)

    @cache
    def store() -> DynamoStore:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_table import DynamoTable

        return DynamoStore(DynamoTable(dynamodb(), settings.core_table))

    def fetch(url: str) -> bytes:
        reply = http.request("GET", url, headers={"Accept": "text/calendar"})
        return body_of(reply.status, reply.body)

    reader = CalendarReader(store=store, fetch=fetch, log=Log("calendars"))
    return Calendars(reader, tuple(load_profiles(settings.profiles_dir).values()), SystemClock())
