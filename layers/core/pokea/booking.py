"""Appointments, the slots they occupy, and what a business offers.

Time is cut into quarters of an hour in UTC, each a `Slot` with a list of takers; a service takes as many in a row as it needs. A hold
keeps slots for one open proposal until it lapses; lapsing needs no writer, because whoever reads compares with `now`. The decisions on
top of this are in `booking_decisions`; storage only through `ports.BookingStore`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pokea.busy import Span
from pokea.clock import as_utc
from pokea.errors import Misuse
from pokea.hours import OpeningHours, local
from pokea.ids import AppointmentId, BusinessId, IntentKey, SessionId
from pokea.phone_numbers import E164

SLOT_MINUTES = 15  # one stored slot; a service takes as many in a row as it needs
SLOT = timedelta(minutes=SLOT_MINUTES)
# Long enough to hear a read-back and answer it; shorter than a proposal's life, so that a caller who says nothing does not keep
# others out. A proposal whose hold has lapsed still goes through if the time is free when it is confirmed.
HOLD_LIFE = timedelta(seconds=60)


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
    buffer_minutes: int = 0  # kept free behind it
    version: int = 0

    @property
    def frees_at(self) -> datetime:
        """When its resource is free again."""
        return self.ends_at + timedelta(minutes=self.buffer_minutes)


@dataclass(frozen=True, slots=True)
class Service:
    """What can be booked. It takes whole slots: 40 minutes take three. `names` are its spoken names by language, the usual one first.

    buffer_minutes: kept free behind it, to clean up or to travel. It may reach past closing time.
    """

    key: str
    minutes: int
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buffer_minutes: int = 0

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    @property
    def taken(self) -> timedelta:
        """How long its resource is not free for others."""
        return timedelta(minutes=self.minutes + self.buffer_minutes)


@dataclass(frozen=True, slots=True)
class Practitioner:
    """Somebody with a diary of their own. services: what they do, by key; none named: everything. hours: the business's, if None."""

    key: str
    names: Mapping[str, tuple[str, ...]]
    services: frozenset[str] = frozenset()
    hours: OpeningHours | None = None

    def does(self, service: str) -> bool:
        return not self.services or service in self.services


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRules:
    """The part of a business's profile that bookings obey."""

    business_id: BusinessId
    tz: ZoneInfo
    hours: OpeningHours
    services: Mapping[str, Service]
    capacity: int = 1  # appointments side by side in one slot
    horizon_days: int = 60  # how many days ahead may be booked
    resource: str = "main"
    max_open: int = 5  # coming appointments of one number
    practitioners: Mapping[str, Practitioner] = field(default_factory=dict)
    busy: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)  # times blocked by other calendars, by resource

    def diary(self, practitioner: str) -> BookingRules:
        """The rules of one practitioner's own diary; these very rules for nobody in particular."""
        who = self.practitioners.get(practitioner)
        if who is None:
            return self
        services = {key: service for key, service in self.services.items() if who.does(key)}
        return replace(self, resource=who.key, hours=who.hours or self.hours, services=services, practitioners={})

    def last_day(self, now: datetime) -> date:
        return local(now, self.tz).date() + timedelta(days=self.horizon_days)


class Reason(StrEnum):
    """Why a wish cannot be granted."""

    TAKEN = "taken"
    CLOSED = "closed"
    PAST = "past"
    TOO_FAR = "too_far"
    OFF_GRID = "off_grid"  # appointments begin on the quarter hour
    SAME_TIME = "same_time"  # a move to where it already is
    NOT_BOOKED = "not_booked"  # the appointment is cancelled, or over


@dataclass(frozen=True, slots=True)
class Refused:
    reason: Reason


def slot_keys(rules: BookingRules, start: datetime, end: datetime, resource: str | None = None) -> tuple[SlotKey, ...]:
    """The slots that [start, end) takes, in order. Raises Misuse unless `start` is on a slot boundary."""
    if not is_on_grid(start):
        raise Misuse("off_grid", "slots begin on the quarter hour")
    first = as_utc(start)
    count = -((first - as_utc(end)) // SLOT)  # a begun slot is a taken one
    return tuple(
        SlotKey(rules.business_id, resource or rules.resource, first + number * SLOT) for number in range(count)
    )


def is_on_grid(start: datetime) -> bool:
    return as_utc(start).timestamp() % SLOT.total_seconds() == 0


def live_takers(slot: Slot, now: datetime) -> frozenset[str]:
    """Who occupies `slot` at `now`: every appointment, and every hold that has not lapsed."""
    return frozenset(
        owner for owner, taker in slot.takers.items() if taker.held_until is None or taker.held_until > as_utc(now)
    )


def has_room(slots: Iterable[Slot], capacity: int, now: datetime, own: frozenset[str] = frozenset()) -> bool:
    """Whether one more fits into every slot. `own` names takers that belong to the asker and so do not count."""
    return all(len(live_takers(slot, now) - own) < capacity for slot in slots)


def with_taker(slot: Slot, owner: str, taker: Taker, now: datetime) -> Slot:
    """`slot` with `owner` in it. Lapsed holds are dropped on the way, so a slot never grows without bound."""
    kept = {name: slot.takers[name] for name in sorted(live_takers(slot, now) - {owner})}
    return replace(slot, takers={**kept, owner: taker})


def without_takers(slot: Slot, owners: frozenset[str], now: datetime) -> Slot:
    kept = {name: slot.takers[name] for name in sorted(live_takers(slot, now) - owners)}
    return replace(slot, takers=kept)
