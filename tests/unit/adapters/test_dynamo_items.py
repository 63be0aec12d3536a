from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given

from pokea.adapters import dynamo_items as items
from pokea.booking import Appointment, Slot
from pokea.calls import Call
from pokea.confirm import Proposal
from pokea.errors import Misuse
from pokea.ids import BusinessId, SessionId
from tests.support import store_samples as samples


@given(samples.calls)
def test_a_call_comes_back_as_it_was_stored(call: Call) -> None:
    assert items.CALL.read(_sent(items.call_item(call))) == call


@given(samples.appointments)
def test_an_appointment_comes_back_as_it_was_stored(appointment: Appointment) -> None:
    assert items.APPOINTMENT.read(_sent(items.appointment_item(appointment))) == appointment


@given(samples.proposals)
def test_a_proposal_comes_back_as_it_was_stored(proposal: Proposal) -> None:
    assert items.PROPOSAL.read(_sent(items.proposal_item(proposal))) == proposal


@given(samples.slots)
def test_a_slot_comes_back_as_it_was_stored(slot: Slot) -> None:
    assert items.read_slot(_sent(items.slot_item(slot))) == slot


@given(samples.slots, samples.slots)
def test_two_slots_have_the_same_key_only_if_they_are_the_same_quarter(one: Slot, other: Slot) -> None:
    assert (items.slot_key(one.key) == items.slot_key(other.key)) == (one.key == other.key)


@pytest.mark.parametrize("shape", [items.CALL, items.APPOINTMENT, items.PROPOSAL, items.TAKER, items.SLOT_KEY])
def test_every_field_is_stored_so_none_is_lost_unnoticed(shape: items.Shape[Any]) -> None:
    names = {item.name for item in fields(shape.cls)}  # type: ignore[arg-type]
    assert set(shape.codecs) == names


def test_a_slot_stores_every_field_of_its_own() -> None:
    assert {item.name for item in fields(Slot)} == {"key", *items.SLOT_CONTENT}


@given(samples.appointments, samples.calls)
def test_no_telephone_number_stands_in_a_key(appointment: Appointment, call: Call) -> None:
    keys = [items.appointment_key(appointment.business_id, appointment.appointment_id), items.call_key(call.session_id)]
    if appointment.a_number is not None:
        keys.append(items.pointer_key(appointment.business_id, appointment.a_number, appointment.appointment_id))
        assert not any(appointment.a_number in part for key in keys for part in key)
    indexed = [items.appointment_item(appointment), items.call_item(call)]
    assert not any(call.b_number in str(item[name]) for item in indexed for name in ("gsi1pk", "gsi1sk"))


def test_the_same_number_has_another_digest_at_another_business() -> None:
    one = items.caller_partition(samples.a_call().business_id, samples.NUMBER)
    assert one == items.caller_partition(samples.a_call().business_id, samples.NUMBER)
    assert one.split("#")[2] != items.caller_partition(BusinessId("other"), samples.NUMBER).split("#")[2]


def test_an_instant_in_another_zone_is_stored_as_the_same_instant_in_utc() -> None:
    nairobi = timezone(timedelta(hours=3))
    slot = Slot(replace(samples.a_slot_key(), starts_at=samples.NOW.astimezone(nairobi)))
    assert items.slot_key(slot.key) == items.slot_key(samples.a_slot_key())


def test_an_item_from_before_a_field_was_added_reads_its_default() -> None:
    old = items.call_item(samples.a_call())
    del old["open_metadata"]
    assert items.CALL.read(old).open_metadata == ""


def test_an_item_without_a_required_attribute_is_corrupt() -> None:
    broken = items.call_item(samples.a_call())
    del broken["b_number"]
    with pytest.raises(Misuse, match="b_number"):
        items.CALL.read(broken)


def test_a_none_where_none_may_be_is_refused_before_it_is_stored() -> None:
    with pytest.raises(Misuse, match="agent"):
        items.call_item(samples.a_call(agent=None))


def test_an_event_id_too_long_for_a_key_keeps_its_identity_as_a_digest() -> None:
    session = SessionId("HD_1")
    long, other = "e" * 3_000, "e" * 2_999 + "f"
    assert len(items.sighting_key(session, long)[1]) < 256
    assert items.sighting_key(session, long) != items.sighting_key(session, other)


def test_a_call_is_tidied_away_after_ninety_days_and_an_appointment_never() -> None:
    kept = int(items.call_item(samples.a_call())["expires_at"]["N"]) - samples.NOW.timestamp()
    assert kept == timedelta(days=90).total_seconds()
    assert "expires_at" not in items.appointment_item(samples.an_appointment())


def _sent(item: items.Item) -> Any:
    """As the service returns it: through JSON, which is how it travels."""
    return json.loads(json.dumps(item))
