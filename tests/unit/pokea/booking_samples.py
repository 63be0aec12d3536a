"""A small business for tests of the booking rules: one chair, open on weekdays, at a given capacity."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pokea.booking import Appointment, AppointmentStatus, BookingRules, Service, Slot, SlotKey, Taker
from pokea.booking_decisions import keys_of
from pokea.hours import Opening, OpeningHours
from pokea.ids import AppointmentId, BusinessId, IntentKey, SessionId

NAIROBI = ZoneInfo("Africa/Nairobi")
NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday, 8:00 in Nairobi
CLEANING, FILLING = Service("cleaning", 30), Service("filling", 45)


def rules(capacity: int = 1, horizon_days: int = 60) -> BookingRules:
    week = dict.fromkeys(range(5), (Opening.parse("08:00-17:00"),))
    return BookingRules(
        business_id=BusinessId("clinic"),
        tz=NAIROBI,
        hours=OpeningHours(week, frozenset({date(2026, 12, 25)})),
        services={service.key: service for service in (CLEANING, FILLING)},
        capacity=capacity,
        horizon_days=horizon_days,
    )


def nairobi(hour: int, minute: int = 0, day: int = 26) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=NAIROBI)


def booked(start: datetime, name: str = "A1", service: Service = CLEANING) -> Appointment:
    start = start.astimezone(UTC)
    return Appointment(
        appointment_id=AppointmentId(name),
        business_id=BusinessId("clinic"),
        service=service.key,
        resource="main",
        starts_at=start,
        ends_at=start + service.length,
        name="Amina Otieno",
        a_number=None,
        status=AppointmentStatus.BOOKED,
        session_id=SessionId("HD_1"),
        intent_key=IntentKey("i1"),
    )


class Diary(dict[SlotKey, Slot]):
    """Slots as a store would return them; a slot never written is empty."""

    def __missing__(self, key: SlotKey) -> Slot:
        return Slot(key)

    def read(self, keys: object) -> tuple[Slot, ...]:
        assert isinstance(keys, list | tuple)
        return tuple(self[key] for key in keys)

    def write(self, slots: tuple[Slot, ...]) -> None:
        self.update({slot.key: slot for slot in slots})

    def seat(self, appointment: Appointment, held_until: datetime | None = None) -> None:
        for key in keys_of(rules(), appointment):
            slot = self[key]
            self[key] = Slot(key, {**slot.takers, str(appointment.appointment_id): Taker(held_until)}, slot.version + 1)


def soon(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
