"""What every store promises, as tests to inherit.

    class TestMemoryBookings(BookingStoreContract):
        @pytest.fixture
        def store(self) -> BookingStore:
            return MemoryStore()

Every test makes its own ids, so a store that is slow to build may be shared between tests.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pokea.booking import Appointment, AppointmentStatus, Slot, SlotKey, Taker
from pokea.calls import Call, CallStatus, Direction
from pokea.confirm import Proposal, ProposalState
from pokea.errors import Conflict
from pokea.ids import AppointmentId, BusinessId, CallId, IntentKey, Nonce, SessionId, ToolCallId
from pokea.phone_numbers import E164
from pokea.ports import BookingStore, CallStore, Change

AT = datetime(2026, 11, 26, 11, 30, tzinfo=UTC)
NUMBER = E164("+254722000111")


def fresh(prefix: str = "") -> str:
    return prefix + uuid.uuid4().hex[:12]


def a_key(business: BusinessId | None = None, quarter: int = 0) -> SlotKey:
    return SlotKey(business or BusinessId(fresh("b")), "main", AT + timedelta(minutes=15 * quarter))


def an_appointment(**changes: object) -> Appointment:
    made = Appointment(
        appointment_id=AppointmentId(fresh("A")),
        business_id=BusinessId(fresh("b")),
        service="cleaning",
        resource="main",
        starts_at=AT,
        ends_at=AT + timedelta(minutes=30),
        name="Wanjikũ O'Neill",
        a_number=NUMBER,
        status=AppointmentStatus.BOOKED,
        session_id=SessionId(fresh("HD_")),
        intent_key=IntentKey(fresh()),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def a_proposal(**changes: object) -> Proposal:
    made = Proposal(
        nonce=Nonce(fresh("N")),
        session_id=SessionId(fresh("HD_")),
        business_id=BusinessId("clinic"),
        action="book",
        arguments={"action": "book", "starts_at": "2026-11-26T14:30", "count": 3, "sure": True, "name": "Wanjikũ"},
        read_back="Shall I book it?",
        proposed_at=AT,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def stale(store: BookingStore, change: Change) -> None:
    with pytest.raises(Conflict) as lost:
        store.apply(change)
    assert lost.value.code == "stale"


def at_once(count: int, act: Callable[[int], None]) -> None:
    """Run `act(0)` … `act(count - 1)` in threads that start together."""
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        gate.wait()
        act(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class BookingStoreContract:
    contenders = 8

    def test_unknown_slots_come_back_empty_in_the_order_asked_for(self, store: BookingStore) -> None:
        business = BusinessId(fresh("b"))
        keys = [a_key(business, quarter) for quarter in (5, 1, 3)]
        assert store.slots(keys) == tuple(Slot(key) for key in keys)

    def test_no_slots_asked_for_is_no_slots(self, store: BookingStore) -> None:
        assert store.slots([]) == ()

    def test_more_slots_than_one_batch_come_back_in_order(self, store: BookingStore) -> None:
        business = BusinessId(fresh("b"))
        taken = Slot(a_key(business, 130), {"N1": Taker(AT)})
        store.apply(Change(slots=(taken,)))
        read = store.slots([a_key(business, quarter) for quarter in range(150)])
        assert [slot.key for slot in read] == [a_key(business, quarter) for quarter in range(150)]
        assert [slot.version for slot in read] == [0] * 130 + [1] + [0] * 19

    def test_a_slot_keeps_holds_and_appointments_apart(self, store: BookingStore) -> None:
        key = a_key()
        takers = {"N1": Taker(AT + timedelta(seconds=90)), "A1": Taker()}
        store.apply(Change(slots=(Slot(key, takers),)))
        assert store.slots([key]) == (Slot(key, takers, version=1),)

    def test_a_slot_written_over_a_stale_version_is_refused(self, store: BookingStore) -> None:
        key = a_key()
        store.apply(Change(slots=(Slot(key, {"A1": Taker()}),)))
        stale(store, Change(slots=(Slot(key, {"A2": Taker()}),)))
        store.apply(Change(slots=(Slot(key, {"A3": Taker()}, version=1),)))
        assert store.slots([key]) == (Slot(key, {"A3": Taker()}, version=2),)

    def test_one_stale_item_refuses_the_whole_change(self, store: BookingStore) -> None:
        business = BusinessId(fresh("b"))
        store.apply(Change(slots=(Slot(a_key(business, 1), {"A1": Taker()}),)))
        appointment, proposal = an_appointment(business_id=business), a_proposal()
        stale(
            store,
            Change(
                slots=(Slot(a_key(business, 0), {"A2": Taker()}), Slot(a_key(business, 1), {"A2": Taker()})),
                appointment=appointment,
                proposals=(proposal,),
            ),
        )
        assert store.slots([a_key(business, 0)])[0].version == 0
        assert store.appointment(business, appointment.appointment_id) is None
        assert store.proposal(proposal.session_id, proposal.nonce) is None

    def test_an_appointment_comes_back_as_it_was_written(self, store: BookingStore) -> None:
        appointment = an_appointment()
        store.apply(Change(appointment=appointment))
        stored = replace(appointment, version=1)
        assert store.appointment(appointment.business_id, appointment.appointment_id) == stored
        assert store.appointments_of(appointment.business_id, NUMBER) == (stored,)

    def test_an_appointment_of_a_withheld_number_belongs_to_no_number(self, store: BookingStore) -> None:
        appointment = an_appointment(a_number=None)
        store.apply(Change(appointment=appointment))
        stored = store.appointment(appointment.business_id, appointment.appointment_id)
        assert stored == replace(appointment, version=1)
        assert store.appointments_of(appointment.business_id, NUMBER) == ()

    def test_appointments_are_those_of_one_number_of_one_business_earliest_first(self, store: BookingStore) -> None:
        business = BusinessId(fresh("b"))
        later = an_appointment(business_id=business, starts_at=AT + timedelta(days=3))
        sooner = an_appointment(business_id=business, status=AppointmentStatus.CANCELLED)
        for appointment in (
            later,
            sooner,
            an_appointment(business_id=business, a_number=E164("+254722000112")),
            an_appointment(),
        ):
            store.apply(Change(appointment=appointment))
        ids = [a.appointment_id for a in store.appointments_of(business, NUMBER)]
        assert ids == [sooner.appointment_id, later.appointment_id]

    def test_a_moved_appointment_is_listed_once_at_its_new_time(self, store: BookingStore) -> None:
        first = an_appointment()
        store.apply(Change(appointment=first))
        moved = replace(first, starts_at=AT + timedelta(days=1), ends_at=AT + timedelta(days=1, minutes=30), version=1)
        store.apply(Change(appointment=moved))
        assert store.appointments_of(first.business_id, NUMBER) == (replace(moved, version=2),)

    def test_an_appointment_written_over_a_stale_version_is_refused(self, store: BookingStore) -> None:
        appointment = an_appointment()
        store.apply(Change(appointment=appointment))
        stale(store, Change(appointment=replace(appointment, status=AppointmentStatus.CANCELLED)))
        stale(store, Change(appointment=replace(appointment, version=7)))

    def test_an_appointment_of_another_business_is_not_found(self, store: BookingStore) -> None:
        appointment = an_appointment()
        store.apply(Change(appointment=appointment))
        assert store.appointment(BusinessId(fresh("b")), appointment.appointment_id) is None

    def test_a_proposal_comes_back_with_the_types_of_its_arguments(self, store: BookingStore) -> None:
        proposal = a_proposal(state=ProposalState.USED, used_by=ToolCallId("t1"), outcome="A1")
        store.apply(Change(proposals=(proposal,)))
        stored = store.proposal(proposal.session_id, proposal.nonce)
        assert stored == replace(proposal, version=1)
        assert stored is not None
        assert {key: type(value) for key, value in stored.arguments.items()} == {
            key: type(value) for key, value in proposal.arguments.items()
        }

    def test_a_nonce_of_another_call_is_unknown(self, store: BookingStore) -> None:
        proposal = a_proposal()
        store.apply(Change(proposals=(proposal,)))
        assert store.proposal(SessionId(fresh("HD_")), proposal.nonce) is None

    def test_only_open_proposals_of_the_call_are_listed(self, store: BookingStore) -> None:
        session = SessionId(fresh("HD_"))
        second = a_proposal(session_id=session, proposed_at=AT + timedelta(seconds=5))
        first = a_proposal(session_id=session)
        others = (
            a_proposal(session_id=session, state=ProposalState.VOID),
            a_proposal(session_id=session, state=ProposalState.USED),
            a_proposal(),
        )
        store.apply(Change(proposals=(second, first, *others)))
        assert [p.nonce for p in store.open_proposals(session)] == [first.nonce, second.nonce]

    def test_a_proposal_is_used_once(self, store: BookingStore) -> None:
        proposal = a_proposal()
        store.apply(Change(proposals=(proposal,)))
        read = replace(proposal, version=1)
        store.apply(Change(proposals=(replace(read, state=ProposalState.USED, used_by=ToolCallId("t1")),)))
        stale(store, Change(proposals=(replace(read, state=ProposalState.USED, used_by=ToolCallId("t2")),)))
        stored = store.proposal(proposal.session_id, proposal.nonce)
        assert stored is not None
        assert stored.used_by == "t1"

    def test_a_change_sent_twice_under_one_token_is_applied_once(self, store: BookingStore) -> None:
        key, appointment = a_key(), an_appointment()
        change = Change(slots=(Slot(key, {"A1": Taker()}),), appointment=appointment, token=fresh())
        store.apply(change)
        store.apply(change)
        assert store.slots([key])[0].version == 1

    def test_an_empty_change_is_nothing(self, store: BookingStore) -> None:
        store.apply(Change())

    def test_of_many_writers_of_one_version_exactly_one_wins(self, store: BookingStore) -> None:
        key, lost = a_key(), []
        won: list[int] = []

        def write(number: int) -> None:
            try:
                store.apply(Change(slots=(Slot(key, {f"A{number}": Taker()}),)))
                won.append(number)
            except Conflict as conflict:
                lost.append(conflict.code)

        at_once(self.contenders, write)
        assert len(won) == 1
        assert lost == ["stale"] * (self.contenders - 1)
        assert store.slots([key]) == (Slot(key, {f"A{won[0]}": Taker()}, version=1),)


def a_call(**changes: object) -> Call:
    made = Call(
        session_id=SessionId(fresh("HD_")),
        business_id=BusinessId("clinic"),
        agent="booking",
        direction=Direction.INBOUND,
        a_number=NUMBER,
        b_number=E164("+254711000001"),
        status=CallStatus.RINGING,
        created_at=AT,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class CallStoreContract:
    contenders = 8

    def test_an_unknown_call_is_none(self, store: CallStore) -> None:
        assert store.call(SessionId(fresh("HD_"))) is None

    def test_a_call_comes_back_as_it_was_written(self, store: CallStore) -> None:
        full = a_call(
            a_number=None,
            direction=Direction.OUTBOUND,
            status=CallStatus.COMPLETED,
            stream_issued_at=AT + timedelta(milliseconds=137),
            opened_at=AT + timedelta(seconds=1),
            answered_at=AT + timedelta(seconds=2),
            ended_at=AT + timedelta(seconds=60),
            carrier_call_id=CallId(str(uuid.uuid4())),
            client_request_id="attempt-1",
            open_metadata='{"lead":"7"}',
            duration_s=58,
            hangup_cause="normal_clearing",
            stream_failed="1006",
        )
        for call in (full, a_call()):
            assert store.create_call(call) == replace(call, version=1)
            assert store.call(call.session_id) == replace(call, version=1)

    def test_creating_a_known_call_returns_the_stored_one(self, store: CallStore) -> None:
        call = store.create_call(a_call())
        again = store.create_call(replace(call, version=0, created_at=AT + timedelta(seconds=9), agent="other"))
        assert again == call == store.call(call.session_id)

    def test_a_call_is_put_over_the_version_it_was_read_at(self, store: CallStore) -> None:
        call = store.create_call(a_call())
        answered = store.put_call(replace(call, status=CallStatus.ANSWERED))
        assert (answered.version, answered.status) == (2, CallStatus.ANSWERED)
        with pytest.raises(Conflict) as lost:
            store.put_call(replace(call, status=CallStatus.FAILED))
        assert lost.value.code == "stale"
        assert store.call(call.session_id) == answered

    def test_an_event_is_seen_for_the_first_time_once(self, store: CallStore) -> None:
        session, other = SessionId(fresh("HD_")), SessionId(fresh("HD_"))
        sights = [store.first_sight(session, "e1", AT), store.first_sight(session, "e1", AT + timedelta(days=1))]
        assert sights == [True, False]
        assert store.first_sight(session, "e2", AT)
        assert store.first_sight(other, "e1", AT)

    def test_of_many_openers_of_one_call_exactly_one_wins(self, store: CallStore) -> None:
        call = store.create_call(a_call())
        results: list[str] = []

        def open_it(number: int) -> None:
            try:
                store.put_call(replace(call, opened_at=AT + timedelta(seconds=number)))
                results.append("won")
            except Conflict as conflict:
                results.append(conflict.code)

        at_once(self.contenders, open_it)
        assert sorted(results) == ["stale"] * (self.contenders - 1) + ["won"]
