"""Appointments and the slots they occupy. Decisions follow in this module; storage only through `ports.BookingStore`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pokea.ids import AppointmentId, BusinessId, IntentKey, SessionId
from pokea.phone_numbers import E164

SLOT_MINUTES = 15  # one stored slot; a service takes as many in a row as it needs


@dataclass(frozen=True, slots=True)
class SlotKey:
    """One quarter of an hour of one resource. `starts_at` is aware, in UTC, on a 15-minute boundary."""

    business_id: BusinessId
    resource: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Taker:
    """Who occupies one unit of a slot's capacity: a hold (until `held_until`) or, with None, an appointment."""

    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """`takers` by owner: a nonce for a hold, an appointment id for an appointment. `version` 0 = never stored."""

    key: SlotKey
    takers: Mapping[str, Taker] = field(default_factory=dict)
    version: int = 0


class AppointmentStatus(StrEnum):
    BOOKED = "booked"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    appointment_id: AppointmentId
    business_id: BusinessId
    service: str  # the service's key in the profile
    resource: str
    starts_at: datetime
    ends_at: datetime
    name: str
    a_number: E164 | None
    status: AppointmentStatus
    session_id: SessionId  # the call that booked it
    intent_key: IntentKey  # the wish that created it
    version: int = 0
