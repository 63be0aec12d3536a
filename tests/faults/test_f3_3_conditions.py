"""A condition that does not hold is an answer: the right one, at once, without a retry, a warning or an alarm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.booking import AppointmentStatus, Slot
from pokea.calls import CallStatus
from pokea.confirm import ProposalState
from pokea.errors import Conflict
from pokea.ports import Change
from tests.faults.broken.stores import UnfencedTable
from tests.support.booker import MORNING, Booker, Taken, rules_of
from tests.support.faulty_client import Faults
from tests.support.store import moto_table
from tests.support.store_samples import NOW, a_call, a_proposal, a_slot_key, an_appointment


@pytest.fixture
def table() -> Iterator[DynamoTable]:
    with moto_table() as made:
        yield made


@pytest.fixture
def nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield
    assert caplog.records == []


def put_a_stale_call(table: DynamoTable) -> None:
    store = DynamoCallStore(table)
    read = store.create_call(a_call())
    store.put_call(replace(read, status=CallStatus.ANSWERED))
    store.put_call(replace(read, status=CallStatus.BUSY))


def put_a_call_that_is_gone(table: DynamoTable) -> None:
    DynamoCallStore(table).put_call(a_call(version=2))


def take_a_slot_that_changed(table: DynamoTable) -> None:
    for _ in range(2):
        DynamoStore(table).apply(Change(slots=(Slot(a_slot_key()),)))


def make_an_appointment_that_is_there(table: DynamoTable) -> None:
    for name in ("One Caller", "Another Caller"):
        DynamoStore(table).apply(Change(appointment=an_appointment(name=name)))


def change_an_appointment_that_changed(table: DynamoTable) -> None:
    store = DynamoStore(table)
    store.apply(Change(appointment=an_appointment()))
    for status in (AppointmentStatus.CANCELLED, AppointmentStatus.BOOKED):
        store.apply(Change(appointment=an_appointment(version=1, status=status)))


def use_a_proposal_twice(table: DynamoTable) -> None:
    store = DynamoStore(table)
    store.apply(Change(proposals=(a_proposal(),)))
    for call in ("t1", "t2"):
        used = a_proposal(version=1, state=ProposalState.USED, used_by=call)
        store.apply(Change(proposals=(used,)))


@pytest.mark.parametrize(
    "act",
    [
        put_a_stale_call,
        put_a_call_that_is_gone,
        take_a_slot_that_changed,
        make_an_appointment_that_is_there,
        change_an_appointment_that_changed,
        use_a_proposal_twice,
    ],
    ids=lambda act: act.__name__,
)
@pytest.mark.usefixtures("nothing_logged")
def test_a_write_on_what_has_changed_is_a_conflict_and_is_not_tried_again(
    act: Callable[[DynamoTable], None], table: DynamoTable
) -> None:
    check_conflict(act, table)


def check_conflict(act: Callable[[DynamoTable], None], table: DynamoTable) -> None:
    faults = Faults(table._client)
    try:
        act(table)
    except Conflict as conflict:
        assert (conflict.code, conflict.retryable) == ("stale", False)
    else:
        raise AssertionError(f"{act.__name__} was written over what somebody else had written")
    writes = [name for name in faults.requests if name in ("PutItem", "TransactWriteItems")]
    assert len(writes) == WRITES[act.__name__]


@pytest.mark.parametrize("act", [take_a_slot_that_changed, change_an_appointment_that_changed, use_a_proposal_twice])
def test_the_check_sees_a_store_that_writes_without_conditions(
    act: Callable[[DynamoTable], None], table: DynamoTable
) -> None:
    with pytest.raises(AssertionError, match="was written over"):
        check_conflict(act, UnfencedTable(table._client, table.name))


WRITES = {
    "put_a_stale_call": 3,
    "put_a_call_that_is_gone": 1,
    "take_a_slot_that_changed": 2,
    "make_an_appointment_that_is_there": 2,
    "change_an_appointment_that_changed": 3,
    "use_a_proposal_twice": 3,
}


@pytest.mark.usefixtures("nothing_logged")
def test_a_call_that_is_known_and_an_event_that_was_seen_are_plain_answers(table: DynamoTable) -> None:
    store = DynamoCallStore(table)
    call = store.create_call(a_call())
    assert store.create_call(a_call(call.session_id)) == call
    assert [store.first_sight(call.session_id, "e1", NOW) for _ in range(2)] == [True, False]


@pytest.mark.usefixtures("nothing_logged")
def test_a_caller_who_loses_a_slot_is_offered_others_in_the_same_turn(table: DynamoTable) -> None:
    """Somebody else books between this caller's read and write."""

    class Overtaken(DynamoStore):
        def apply(self, change: Change) -> None:
            rival.book("the rival's wish", MORNING)
            super().apply(change)

    rival = Booker(DynamoStore(table), rules_of("clinic", capacity=1))
    answer = Booker(Overtaken(table), rules_of("clinic", capacity=1)).book("this caller's wish", MORNING)
    assert isinstance(answer, Taken)
    assert answer.times and MORNING not in answer.times
