"""Stores that live in memory, for tests. They keep the promises of `pokea.ports`, which `tests/contract/booking_store_contract.py`
checks on them and on the real ones alike. Atomic between threads: one lock around every operation."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pokea.booking import Appointment, Slot, SlotKey
from pokea.calls import Call
from pokea.confirm import Proposal, ProposalState
from pokea.errors import Conflict, Misuse
from pokea.ids import AppointmentId, BusinessId, Nonce, SessionId
from pokea.phone_numbers import E164
from pokea.ports import Change
from pokea.records import Kind, Stored, T


class MemoryStore:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[SlotKey, Slot] = {}
        self._appointments: dict[tuple[BusinessId, AppointmentId], Appointment] = {}
        self._proposals: dict[tuple[SessionId, Nonce], Proposal] = {}
        self._records: dict[tuple[str, BusinessId, str], Any] = {}
        self._applied: list[Change] = []
        self.writes = 0  # changes that were applied, for tests that must see none

    def slots(self, keys: Sequence[SlotKey]) -> tuple[Slot, ...]:
        with self._lock:
            return tuple(self._slots.get(key, Slot(key)) for key in keys)

    def appointment(self, business_id: BusinessId, appointment_id: AppointmentId) -> Appointment | None:
        with self._lock:
            return self._appointments.get((business_id, appointment_id))

    def appointments_of(self, business_id: BusinessId, a_number: E164) -> tuple[Appointment, ...]:
        own = [a for a in self.all_appointments() if a.business_id == business_id and a.a_number == a_number]
        return tuple(sorted(own, key=lambda a: (a.starts_at, a.appointment_id)))

    def proposal(self, session_id: SessionId, nonce: Nonce) -> Proposal | None:
        with self._lock:
            return self._proposals.get((session_id, nonce))

    def open_proposals(self, session_id: SessionId) -> tuple[Proposal, ...]:
        return tuple(p for p in self.proposals_of(session_id) if p.state is ProposalState.OPEN)

    def proposals_of(self, session_id: SessionId) -> tuple[Proposal, ...]:
        with self._lock:
            found = [p for (session, _), p in self._proposals.items() if session == session_id]
        return tuple(sorted(found, key=lambda p: (p.proposed_at, p.nonce)))

    def record(self, kind: Kind[T], business_id: BusinessId, key: str) -> T | None:
        with self._lock:
            return self._records.get((kind.name, business_id, key))

    def records_by(self, kind: Kind[T], business_id: BusinessId, lookup: str) -> tuple[T, ...]:
        with self._lock:
            own = [(key, r) for (name, biz, key), r in self._records.items() if (name, biz) == (kind.name, business_id)]
        return tuple(record for _, record in sorted(own, key=lambda pair: pair[0]) if lookup in kind.lookups(record))

    def put(self, *records: Stored[Any]) -> None:
        """Set the scene: over whatever is there."""
        with self._lock:
            for stored in records:
                self._records[stored.name] = replace(stored.value, version=stored.value.version + 1)

    def all_records(self, kind: Kind[T]) -> tuple[T, ...]:
        with self._lock:
            return tuple(record for (name, _, _), record in self._records.items() if name == kind.name)

    def apply(self, change: Change) -> None:
        with self._lock:
            if change.token is not None and change in self._applied:
                return
            self._check(change)
            for slot in change.slots:
                self._slots[slot.key] = replace(slot, version=slot.version + 1)
            if (a := change.appointment) is not None:
                self._appointments[a.business_id, a.appointment_id] = replace(a, version=a.version + 1)
            for p in change.proposals:
                self._proposals[p.session_id, p.nonce] = replace(p, version=p.version + 1)
            for stored in change.records:
                self._records[stored.name] = replace(stored.value, version=stored.value.version + 1)
            self._applied.append(change)
            self.writes += 1

    def all_appointments(self) -> tuple[Appointment, ...]:
        with self._lock:
            return tuple(self._appointments.values())

    def all_slots(self) -> tuple[Slot, ...]:
        with self._lock:
            return tuple(self._slots.values())

    def _check(self, change: Change) -> None:
        named: list[Hashable] = [slot.key for slot in change.slots]
        named += [(p.session_id, p.nonce) for p in change.proposals]
        named += [stored.name for stored in change.records]
        if len(set(named)) != len(named):
            raise Misuse("item_twice_in_change", "one change writes each item once")
        for slot in change.slots:
            _fence(slot.version, self._slots.get(slot.key))
        if (a := change.appointment) is not None:
            _fence(a.version, self._appointments.get((a.business_id, a.appointment_id)))
        for p in change.proposals:
            _fence(p.version, self._proposals.get((p.session_id, p.nonce)))
        for stored in change.records:
            _fence(stored.value.version, self._records.get(stored.name))


class MemoryCallStore:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[SessionId, Call] = {}
        self._seen: set[tuple[SessionId, str]] = set()

    def create_call(self, call: Call) -> Call:
        with self._lock:
            return self._calls.setdefault(call.session_id, replace(call, version=1))

    def call(self, session_id: SessionId) -> Call | None:
        with self._lock:
            return self._calls.get(session_id)

    def put_call(self, call: Call) -> Call:
        with self._lock:
            _fence(call.version, self._calls.get(call.session_id))
            stored = replace(call, version=call.version + 1)
            self._calls[call.session_id] = stored
            return stored

    def first_sight(self, session_id: SessionId, event_id: str, at: datetime) -> bool:
        with self._lock:
            seen = (session_id, event_id) in self._seen
            self._seen.add((session_id, event_id))
            return not seen


def _fence(read: int, stored: Any) -> None:
    if read != (stored.version if stored is not None else 0):
        raise Conflict("stale", "changed since it was read")
