"""What may be booked, moved and cancelled: pure decisions over slots that were just read.

Every decision returns the whole write, each item with the version that was read, or a `Refused`. If the world moved on in between, the
store refuses the write as stale and the caller decides again on fresh slots; so no slot is ever given away twice.

A hold that lapsed while its caller was confirming is no obstacle by itself: the slots are taken if they are still free, and refused if
somebody else is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pokea.booking import (
    Appointment,
    AppointmentStatus,
    BookingRules,
    Reason,
    Refused,
    Service,
    Slot,
    SlotKey,
    Taker,
    has_room,
    is_on_grid,
    slot_keys,
    with_taker,
    without_takers,
)
from pokea.busy import is_busy
from pokea.clock import as_utc
from pokea.hours import local

Slots = Mapping[SlotKey, Slot]
NOBODY: frozenset[str] = frozenset()


def why_not(rules: BookingRules, service: Service, start: datetime, now: datetime) -> Refused | None:
    """Why nobody could have this time, whoever else is booked; None if it can be had."""
    start = as_utc(start)
    if start < as_utc(now):
        return Refused(Reason.PAST)
    if local(start, rules.tz).date() > rules.last_day(now):
        return Refused(Reason.TOO_FAR)
    if not rules.hours.covers(start, start + service.length, rules.tz):
        return Refused(Reason.CLOSED)
    if is_busy(rules.busy.get(rules.resource, ()), start, start + service.taken):
        return Refused(Reason.TAKEN)
    return None if is_on_grid(start) else Refused(Reason.OFF_GRID)


def keys_for(rules: BookingRules, service: Service, start: datetime) -> tuple[SlotKey, ...]:
    return slot_keys(rules, start, start + service.taken)


def keys_of(rules: BookingRules, appointment: Appointment) -> tuple[SlotKey, ...]:
    return slot_keys(rules, appointment.starts_at, appointment.frees_at, appointment.resource)


def decide_hold(
    rules: BookingRules,
    service: Service,
    start: datetime,
    slots: Slots,
    nonce: str,
    until: datetime,
    now: datetime,
    own: frozenset[str] = NOBODY,
) -> tuple[Slot, ...] | Refused:
    """The slots of [start, start + service) with a hold for `nonce` until `until`.

    `own` names takers that are the asker's: older holds of the same call, and the appointment that is to be moved. Where such an
    appointment already is, no hold is added, so that the takers of a slot never outnumber its capacity.
    """
    refused = why_not(rules, service, start, now)
    if refused:
        return refused
    wanted = [slots[key] for key in keys_for(rules, service, start)]
    if not has_room(wanted, rules.capacity, now, own | {nonce}):
        return Refused(Reason.TAKEN)
    return tuple(with_taker(slot, nonce, Taker(until), now) for slot in wanted if not _stays(slot, own))


def decide_book(
    rules: BookingRules, appointment: Appointment, slots: Slots, nonce: str, now: datetime
) -> tuple[Slot, ...] | Refused:
    """The slots of a new `appointment`, which takes the place of the hold of `nonce`."""
    if as_utc(appointment.starts_at) < as_utc(now):
        return Refused(Reason.PAST)
    wanted = [slots[key] for key in keys_of(rules, appointment)]
    if not has_room(wanted, rules.capacity, now, frozenset({nonce})):
        return Refused(Reason.TAKEN)
    return tuple(_seat(slot, nonce, appointment, now) for slot in wanted)


def decide_move(
    rules: BookingRules, before: Appointment, start: datetime, slots: Slots, nonce: str, now: datetime
) -> tuple[Appointment, tuple[Slot, ...]] | Refused:
    """`before` at its new time, and every slot that changes: those left and those entered. They may overlap."""
    refused = _not_booked(before, now)
    if refused:
        return refused
    if as_utc(start) < as_utc(now):
        return Refused(Reason.PAST)
    after = replace(before, starts_at=as_utc(start), ends_at=as_utc(start) + (before.ends_at - before.starts_at))
    entered = keys_of(rules, after)
    own = frozenset({nonce, str(before.appointment_id)})
    if not has_room((slots[key] for key in entered), rules.capacity, now, own):
        return Refused(Reason.TAKEN)
    left = [without_takers(slots[key], own, now) for key in keys_of(rules, before) if key not in entered]
    seated = [_seat(slots[key], nonce, after, now) for key in entered]
    return after, tuple(slot for slot in (*left, *seated) if slot != slots[slot.key])


def decide_cancel(
    rules: BookingRules, before: Appointment, slots: Slots, now: datetime
) -> tuple[Appointment, tuple[Slot, ...]] | Refused:
    """`before` cancelled, and its slots without it."""
    refused = _not_booked(before, now)
    if refused:
        return refused
    own = frozenset({str(before.appointment_id)})
    left = tuple(without_takers(slots[key], own, now) for key in keys_of(rules, before))
    return replace(before, status=AppointmentStatus.CANCELLED), left


def release(slots: Sequence[Slot], nonces: frozenset[str], now: datetime) -> tuple[Slot, ...]:
    """Those of `slots` that change when the holds of `nonces` go."""
    return tuple(without_takers(slot, nonces, now) for slot in slots if nonces & slot.takers.keys())


def _not_booked(appointment: Appointment, now: datetime) -> Refused | None:
    is_over = as_utc(appointment.starts_at) < as_utc(now)
    return Refused(Reason.NOT_BOOKED) if is_over or appointment.status is not AppointmentStatus.BOOKED else None


def _seat(slot: Slot, nonce: str, appointment: Appointment, now: datetime) -> Slot:
    return with_taker(without_takers(slot, frozenset({nonce}), now), str(appointment.appointment_id), Taker(), now)


def _stays(slot: Slot, own: frozenset[str]) -> bool:
    """Whether an own appointment (not a mere hold) is already in the slot."""
    return any(owner in own and taker.held_until is None for owner, taker in slot.takers.items())
