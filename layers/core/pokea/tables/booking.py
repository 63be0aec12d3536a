"""`[booking]`: what can be booked, and under which rules."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from pokea.booking import BookingRules, Service
from pokea.hours import OpeningHours
from pokea.ids import BusinessId
from pokea.tables.base import Key, Language, Spoken, Table, in_every_language


class ServiceTable(Table):
    key: Key
    minutes: Annotated[int, Field(ge=5, le=480)]
    names: dict[Language, Annotated[list[Spoken], Field(min_length=1, max_length=10)]]


class BookingTable(Table):
    capacity: Annotated[int, Field(ge=1, le=50)] = 1
    horizon_days: Annotated[int, Field(ge=1, le=180)] = (
        60  # read-back leaves the year out: half a year keeps it unmistakable
    )
    resource: Key = "main"
    services: Annotated[list[ServiceTable], Field(max_length=50)] = []

    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""
        keys = [service.key for service in self.services]
        if len(set(keys)) != len(keys):
            raise ValueError("booking.services: two services have the same key")
        for service in self.services:
            in_every_language(service.names, languages, f"booking.services.{service.key}.names")

    def rules(self, business_id: BusinessId, zone: str, hours: OpeningHours) -> BookingRules:
        services = {
            service.key: Service(
                service.key, service.minutes, {language: tuple(names) for language, names in service.names.items()}
            )
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
        )
