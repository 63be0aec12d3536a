"""`[booking]`: what can be booked, and under which rules."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from pokea.booking import BookingRules, Practitioner, Service
from pokea.hours import OpeningHours
from pokea.ids import BusinessId
from pokea.tables.base import HoursTable, Key, Language, Spoken, Table, in_every_language


class ServiceTable(Table):
    key: Key
    minutes: Annotated[int, Field(ge=5, le=480)]
    buffer_minutes: Annotated[int, Field(ge=0, le=240)] = 0
    names: dict[Language, Annotated[list[Spoken], Field(min_length=1, max_length=10)]]


class PractitionerTable(Table):
    key: Key
    names: dict[Language, Annotated[list[Spoken], Field(min_length=1, max_length=10)]]
    services: Annotated[list[Key], Field(max_length=50)] = []
    hours: HoursTable | None = None


class BookingTable(Table):
    capacity: Annotated[int, Field(ge=1, le=50)] = 1
    horizon_days: Annotated[int, Field(ge=1, le=180)] = (
        60  # read-back leaves the year out: half a year keeps it unmistakable
    )
    resource: Key = "main"
    max_open: Annotated[int, Field(ge=1, le=100)] = 5
    services: Annotated[list[ServiceTable], Field(max_length=50)] = []
    practitioners: Annotated[list[PractitionerTable], Field(max_length=20)] = []

    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""
        keys = [service.key for service in self.services]
        if len(set(keys)) != len(keys):
            raise ValueError("booking.services: two services have the same key")
        for service in self.services:
            in_every_language(service.names, languages, f"booking.services.{service.key}.names")
        people = [person.key for person in self.practitioners]
        if len(set(people)) != len(people) or self.resource in people:
            raise ValueError("booking.practitioners: two diaries have the same key")
        for person in self.practitioners:
            in_every_language(person.names, languages, f"booking.practitioners.{person.key}.names")
            for key in person.services:
                if key not in keys:
                    raise ValueError(f"booking.practitioners.{person.key}.services: {key!r} is not a service")
        for key in keys if people else ():
            if all(person.services and key not in person.services for person in self.practitioners):
                raise ValueError(f"booking.services.{key}: no practitioner does it")

    def rules(self, business_id: BusinessId, zone: str, hours: OpeningHours) -> BookingRules:
        services = {
            service.key: Service(service.key, service.minutes, _spoken(service.names), service.buffer_minutes)
            for service in self.services
        }
        return BookingRules(
            business_id=business_id,
            tz=ZoneInfo(zone),
            hours=hours,
            services=services,
            capacity=self.capacity,
            horizon_days=self.horizon_days,
            resource=self.resource,
            max_open=self.max_open,
            practitioners={person.key: _practitioner(person) for person in self.practitioners},
        )


def _spoken(names: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {language: tuple(spoken) for language, spoken in names.items()}


def _practitioner(person: PractitionerTable) -> Practitioner:
    hours = person.hours.opening_hours() if person.hours else None
    return Practitioner(person.key, _spoken(person.names), frozenset(person.services), hours)
