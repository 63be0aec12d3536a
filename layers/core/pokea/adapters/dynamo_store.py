"""Slots, appointments, proposals and records in DynamoDB: `pokea.ports.Store`.

A caller's own appointments are found through pointer items written in the same transaction, not through an index: an index lags, and
a caller who has just booked must be able to hear of it, move it and cancel it in the same call.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from pokea.adapters.dynamo_items import (
    APPOINTMENT,
    PROPOSAL,
    appointment_item,
    appointment_key,
    appointments_day,
    caller_partition,
    keyed,
    pointer_item,
    proposal_item,
    proposal_key,
    read_slot,
    slot_item,
    slot_key,
)
from pokea.adapters.dynamo_records import lookup_partition, puts_of_record, read_record, record_key
from pokea.adapters.dynamo_table import DynamoTable, Put
from pokea.booking import Appointment, Slot, SlotKey
from pokea.confirm import Proposal, ProposalState
from pokea.errors import Misuse
from pokea.ids import AppointmentId, BusinessId, Nonce, SessionId
from pokea.phone_numbers import E164
from pokea.ports import Change
from pokea.records import Kind, T

WRITE_ID_CHARACTERS = 36  # the longest ClientRequestToken


class DynamoStore:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def slots(self, keys: Sequence[SlotKey]) -> tuple[Slot, ...]:
        """Every slot asked for, in order; an unknown one comes back empty with version 0. Strongly consistent."""
        stored = self._table.get_many([slot_key(key) for key in keys])
        found = {key: stored.get(slot_key(key)) for key in keys}
        return tuple(Slot(key) if (item := found[key]) is None else replace(read_slot(item), key=key) for key in keys)

    def appointment(self, business_id: BusinessId, appointment_id: AppointmentId) -> Appointment | None:
        item = self._table.get(appointment_key(business_id, appointment_id))
        return APPOINTMENT.read(item) if item is not None else None

    def appointments_of(self, business_id: BusinessId, a_number: E164) -> tuple[Appointment, ...]:
        """Those of one caller number, earliest first, cancelled ones included. Strongly consistent."""
        pointers = self._table.query(caller_partition(business_id, a_number), "APPT#")
        keys = [appointment_key(business_id, AppointmentId(item["appointment_id"]["S"])) for item in pointers]
        read = (APPOINTMENT.read(item) for item in self._table.get_many(keys).values())
        own = (appointment for appointment in read if appointment.a_number == a_number)
        return tuple(sorted(own, key=lambda appointment: (appointment.starts_at, appointment.appointment_id)))

    def proposal(self, session_id: SessionId, nonce: Nonce) -> Proposal | None:
        item = self._table.get(proposal_key(session_id, nonce))
        return PROPOSAL.read(item) if item is not None else None

    def open_proposals(self, session_id: SessionId) -> tuple[Proposal, ...]:
        """Oldest first. Strongly consistent."""
        return tuple(p for p in self.proposals_of(session_id) if p.state is ProposalState.OPEN)

    def proposals_of(self, session_id: SessionId) -> tuple[Proposal, ...]:
        """All proposals of a call, oldest first. Strongly consistent."""
        partition, prefix = proposal_key(session_id, "")
        read = (PROPOSAL.read(item) for item in self._table.query(partition, prefix))
        return tuple(sorted(read, key=lambda proposal: (proposal.proposed_at, proposal.nonce)))

    def record(self, kind: Kind[T], business_id: BusinessId, key: str) -> T | None:
        item = self._table.get(record_key(kind, business_id, key))
        return read_record(kind, item) if item is not None else None

    def records_by(self, kind: Kind[T], business_id: BusinessId, lookup: str) -> tuple[T, ...]:
        """Those that name `lookup` among their lookups now, in the order of their keys. Strongly consistent."""
        pointers = self._table.query(lookup_partition(kind, business_id, lookup), "")
        keys = [record_key(kind, business_id, item["sk"]["S"]) for item in pointers]
        stored = self._table.get_many(keys)
        read = [read_record(kind, stored[key]) for key in keys if key in stored]
        return tuple(record for record in read if lookup in kind.lookups(record))

    def apply(self, change: Change) -> None:
        """All or nothing. Raises Conflict("stale"), whose facts["changed"] names what had changed since it was read."""
        puts = puts_of(change)
        if puts:
            self._table.transact(puts, write_id_of(self._table.name, change, puts))

    def appointments_on(self, business_id: BusinessId, day: date) -> tuple[Appointment, ...]:
        """Those that start on one UTC day, earliest first. Read from the index, which lags: for reports only."""
        items = self._table.query_index(appointments_day(business_id, day))
        return tuple(APPOINTMENT.read(item) for item in items)


def puts_of(change: Change) -> tuple[Put, ...]:
    """The fenced writes of one change. Raises Misuse if two of them are for the same item: the service allows one each."""
    puts = [Put(proposal_item(replace(p, version=p.version + 1)), p.version, "proposal") for p in change.proposals]
    if (appointment := change.appointment) is not None:
        written = replace(appointment, version=appointment.version + 1)
        puts.append(Put(appointment_item(written), appointment.version, "appointment"))
        if appointment.a_number is not None:
            puts.append(Put(pointer_item(appointment, appointment.a_number), None, "pointer"))
    for slot in change.slots:
        item = keyed(slot_item(replace(slot, version=slot.version + 1)), slot_key(slot.key))
        puts.append(Put(item, slot.version, "slot"))
    for stored in change.records:
        puts += puts_of_record(stored)
    repeated = [key for key, n in Counter((p.item["pk"]["S"], p.item["sk"]["S"]) for p in puts).items() if n > 1]
    if repeated:
        raise Misuse("item_twice_in_change", f"{len(repeated)} items stand twice in one change")
    return tuple(puts)


def write_id_of(table: str, change: Change, puts: Sequence[Put]) -> str:
    """The same change under the same token has the same id; without a token every call is a write of its own.

    The content is part of it: a change decided anew on fresh state is another write, even for the same wish. So is the table, because
    the service knows tokens by account and region.
    """
    if change.token is None:
        return uuid.uuid4().hex
    content = json.dumps([table, change.token, [[put.item, put.read_version] for put in puts]], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:WRITE_ID_CHARACTERS]
