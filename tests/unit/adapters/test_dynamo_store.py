from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pokea.adapters.dynamo_store import DynamoStore, puts_of, write_id_of
from pokea.adapters.dynamo_table import DynamoTable
from pokea.booking import AppointmentStatus, Slot, Taker
from pokea.confirm import ProposalState
from pokea.errors import Conflict, Misuse
from pokea.ids import BusinessId, SessionId
from pokea.ports import Change
from tests.support import faulty_client as fault
from tests.support.faulty_client import Faults
from tests.support.store_samples import NOW, NUMBER, OTHER_NUMBER, a_proposal, a_slot_key, an_appointment

CLINIC = BusinessId("clinic")
KEYS = (a_slot_key(0), a_slot_key(1))


@pytest.fixture
def store(table: DynamoTable) -> DynamoStore:
    return DynamoStore(table)


def booked(name: str = "a1", slots: tuple[Slot, ...] | None = None, token: str | None = None) -> Change:
    """Appointment `name` in both slots, on top of `slots` as they were read."""
    read = slots or tuple(Slot(key) for key in KEYS)
    taken = tuple(replace(slot, takers={**slot.takers, name: Taker()}) for slot in read)
    return Change(slots=taken, appointment=an_appointment(name), token=token)


def test_an_unknown_slot_is_empty_and_every_slot_comes_in_the_order_asked_for(store: DynamoStore) -> None:
    store.apply(Change(slots=(Slot(KEYS[1], {"n1": Taker(NOW)}),)))
    asked = (KEYS[1], KEYS[0], KEYS[1])
    assert store.slots(asked) == (
        Slot(KEYS[1], {"n1": Taker(NOW)}, 1),
        Slot(KEYS[0]),
        Slot(KEYS[1], {"n1": Taker(NOW)}, 1),
    )
    assert store.slots(()) == ()


def test_a_change_is_stored_whole(store: DynamoStore) -> None:
    proposal = a_proposal(state=ProposalState.USED, outcome="a1")
    store.apply(replace(booked(), proposals=(proposal,)))
    assert store.slots(KEYS) == tuple(Slot(key, {"a1": Taker()}, 1) for key in KEYS)
    assert store.appointment(CLINIC, an_appointment().appointment_id) == an_appointment(version=1)
    assert store.proposal(proposal.session_id, proposal.nonce) == replace(proposal, version=1)


@pytest.mark.parametrize("stale", ["slot", "appointment", "proposal"])
def test_one_stale_item_stops_the_whole_change(stale: str, store: DynamoStore) -> None:
    change = replace(booked(), proposals=(a_proposal(),))
    meanwhile = {
        "slot": Change(slots=change.slots[1:]),
        "appointment": Change(appointment=change.appointment),
        "proposal": Change(proposals=change.proposals),
    }
    store.apply(meanwhile[stale])
    with pytest.raises(Conflict) as caught:
        store.apply(change)
    assert caught.value.facts == {"changed": [stale]}
    assert store.slots(KEYS)[0] == Slot(KEYS[0])
    assert (store.appointment(CLINIC, an_appointment().appointment_id) is None) == (stale != "appointment")
    assert (store.proposal(a_proposal().session_id, a_proposal().nonce) is None) == (stale != "proposal")


def test_an_appointment_is_changed_over_the_version_it_was_read_at(store: DynamoStore) -> None:
    store.apply(booked())
    read = store.appointment(CLINIC, an_appointment().appointment_id)
    assert read is not None
    cancelled = replace(read, status=AppointmentStatus.CANCELLED)
    store.apply(Change(appointment=cancelled))
    with pytest.raises(Conflict):
        store.apply(Change(appointment=cancelled))
    assert store.appointments_of(CLINIC, NUMBER) == (replace(cancelled, version=2),)


def test_a_caller_finds_their_own_appointments_earliest_first_and_nobody_elses(store: DynamoStore) -> None:
    later = an_appointment("a1", starts_at=NOW + timedelta(days=3))
    earlier = an_appointment("a2", status=AppointmentStatus.CANCELLED)
    for appointment in (
        later,
        earlier,
        an_appointment("a3", a_number=OTHER_NUMBER),
        an_appointment("a4", a_number=None),
    ):
        store.apply(Change(appointment=appointment))
    store.apply(Change(appointment=an_appointment("a5", business_id="other")))
    assert store.appointments_of(CLINIC, NUMBER) == (replace(earlier, version=1), replace(later, version=1))


def test_an_appointment_given_to_another_number_is_no_longer_found_under_the_first(store: DynamoStore) -> None:
    store.apply(Change(appointment=an_appointment()))
    store.apply(Change(appointment=an_appointment(a_number=OTHER_NUMBER, version=1)))
    assert store.appointments_of(CLINIC, NUMBER) == ()
    assert len(store.appointments_of(CLINIC, OTHER_NUMBER)) == 1


def test_open_proposals_are_those_of_one_call_that_wait_for_its_word(store: DynamoStore) -> None:
    later = a_proposal("n1", proposed_at=NOW + timedelta(seconds=5))
    earlier = a_proposal("n2")
    used = a_proposal("n3", state=ProposalState.USED)
    other = a_proposal("n4", session_id=SessionId("HD_000000000002"))
    store.apply(Change(proposals=(later, earlier, used, other)))
    assert store.open_proposals(a_proposal().session_id) == (replace(earlier, version=1), replace(later, version=1))


def test_a_change_of_nothing_is_no_write(store: DynamoStore, table: DynamoTable) -> None:
    faults = Faults(table._client)
    store.apply(Change())
    assert faults.requests == []


def test_one_item_twice_in_a_change_is_our_mistake(store: DynamoStore) -> None:
    with pytest.raises(Misuse, match="twice"):
        store.apply(Change(slots=(Slot(KEYS[0]), Slot(KEYS[0]))))


@pytest.mark.parametrize(
    "one", [fault.REPLY_LOST, fault.CLOSED_AFTER_WRITE, fault.ERROR_AFTER_WRITE], ids=lambda f: f.name
)
def test_a_lost_reply_to_a_booking_is_still_one_booking(
    one: fault.Fault, store: DynamoStore, table: DynamoTable
) -> None:
    Faults(table._client, [one])
    store.apply(booked())
    assert store.slots(KEYS) == tuple(Slot(key, {"a1": Taker()}, 1) for key in KEYS)


def test_the_same_write_sent_again_is_applied_once_and_answers_the_same(store: DynamoStore) -> None:
    for _ in range(3):
        store.apply(booked(token="commit-1"))
    assert store.slots(KEYS) == tuple(Slot(key, {"a1": Taker()}, 1) for key in KEYS)


def test_without_a_token_the_same_change_is_another_write(store: DynamoStore) -> None:
    store.apply(booked())
    with pytest.raises(Conflict):
        store.apply(booked())


def test_a_change_decided_anew_is_another_write_for_the_same_wish() -> None:
    first, decided_anew = booked(token="commit-1"), booked("a2", token="commit-1")
    ids = [write_id_of("core", change, puts_of(change)) for change in (first, first, decided_anew)]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0] != write_id_of("other", first, puts_of(first))
    assert max(map(len, ids)) <= 36


def test_the_appointments_of_a_day_are_listed_by_business(store: DynamoStore) -> None:
    store.apply(Change(appointment=an_appointment("a1")))
    store.apply(Change(appointment=an_appointment("a2", starts_at=NOW + timedelta(days=1))))
    assert store.appointments_on(CLINIC, NOW.date()) == (an_appointment("a1", version=1),)
