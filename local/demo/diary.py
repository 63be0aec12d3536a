"""What the store holds for a demo business, as plain values to compare with what the caller wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pokea.adapters.dynamo_store import DynamoStore
from pokea.booking import AppointmentStatus
from pokea.phone_numbers import E164
from pokea.profile import Profile


@dataclass(frozen=True)
class Entry:
    """One appointment. `starts_at` is the naive local time of the business."""

    service: str
    starts_at: datetime
    name: str
    status: str

    def to_json(self) -> dict[str, str]:
        return {
            "service": self.service,
            "starts_at": self.starts_at.isoformat(),
            "name": self.name,
            "status": self.status,
        }


def entries_of(store: DynamoStore, profile: Profile, number: str) -> list[Entry]:
    """Every appointment of one caller number, earliest first, cancelled ones included."""
    return [
        Entry(
            service=appointment.service,
            starts_at=appointment.starts_at.astimezone(profile.tz).replace(tzinfo=None),
            name=appointment.name,
            status=appointment.status.value,
        )
        for appointment in store.appointments_of(profile.business_id, E164(number))
    ]


def booked(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.status == AppointmentStatus.BOOKED.value]
