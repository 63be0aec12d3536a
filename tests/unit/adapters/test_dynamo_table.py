"""How often an operation is tried, and what a lost reply turns into."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator

import pytest

from pokea.adapters.dynamo_items import Item, keyed
from pokea.adapters.dynamo_table import ConditionFailed, DynamoTable, Put
from pokea.errors import Conflict, Indeterminate, Misuse, Unavailable
from tests.support import faulty_client as fault
from tests.support.faulty_client import Fault, Faults
from tests.support.store import ManualTime, moto_table

KEY = ("CALL#1", "META")
BUSY = (fault.THROTTLED, fault.NEVER_SENT)
UNSURE_AND_WRITTEN = (fault.REPLY_LOST, fault.CLOSED_AFTER_WRITE, fault.ERROR_AFTER_WRITE)
UNSURE_NOT_WRITTEN = (fault.REQUEST_LOST, fault.INTERNAL_ERROR)


def name_of(one: Fault) -> str:
    return one.name


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()


@pytest.fixture
def table(time: ManualTime) -> Iterator[DynamoTable]:
    with moto_table(time.retries()) as made:
        yield made


@pytest.fixture
def faults(table: DynamoTable) -> Faults:
    return Faults(table._client)


def an_item(version: int = 1, **content: str) -> Item:
    return keyed({"version": {"N": str(version)}, **{name: {"S": text} for name, text in content.items()}}, KEY)


def a_put(read_version: int = 0, **content: str) -> Put:
    return Put(an_item(read_version + 1, **content), read_version, "call")


@pytest.mark.parametrize("one", [*BUSY, *UNSURE_AND_WRITTEN, *UNSURE_NOT_WRITTEN], ids=name_of)
def test_one_fault_is_ridden_out(one: Fault, table: DynamoTable, faults: Faults) -> None:
    faults.give(one)
    table.put(a_put(said="hello"))
    stored = table.get(KEY)
    assert stored is not None and stored["said"]["S"] == "hello"
    assert faults.requests == ["PutItem", "PutItem", "GetItem"]


@pytest.mark.parametrize("one", [*BUSY, *UNSURE_AND_WRITTEN, *UNSURE_NOT_WRITTEN], ids=name_of)
def test_no_operation_is_tried_more_than_three_times(one: Fault, table: DynamoTable, faults: Faults) -> None:
    operations: list[Callable[[], object]] = [
        lambda: table.get(KEY),
        lambda: table.put(a_put()),
        lambda: table.transact([a_put()], "w1"),
    ]
    for operation in operations:
        faults.give(*[one] * 10)
        with pytest.raises((Unavailable, Indeterminate, ConditionFailed)):
            operation()
        assert len(faults.requests) == 3


@pytest.mark.parametrize("one", BUSY, ids=name_of)
def test_a_write_that_was_never_made_is_unavailable(one: Fault, table: DynamoTable, faults: Faults) -> None:
    faults.give(*[one] * 3)
    with pytest.raises(Unavailable) as caught:
        table.put(a_put())
    assert caught.value.retry_after_s > 0
    assert table.get(KEY) is None


@pytest.mark.parametrize("one", [*UNSURE_AND_WRITTEN, *UNSURE_NOT_WRITTEN], ids=name_of)
def test_a_write_whose_every_reply_is_lost_is_indeterminate(one: Fault, table: DynamoTable, faults: Faults) -> None:
    faults.give(*[one] * 3)
    with pytest.raises(Indeterminate):
        table.put(a_put())


@pytest.mark.parametrize("one", [*UNSURE_AND_WRITTEN, *UNSURE_NOT_WRITTEN], ids=name_of)
def test_a_read_whose_every_reply_is_lost_is_only_unavailable(one: Fault, table: DynamoTable, faults: Faults) -> None:
    faults.give(*[one] * 3)
    with pytest.raises(Unavailable):
        table.get(KEY)


def test_being_throttled_after_a_lost_reply_is_still_indeterminate(table: DynamoTable, faults: Faults) -> None:
    faults.give(fault.REPLY_LOST, fault.THROTTLED, fault.THROTTLED)
    with pytest.raises(Indeterminate):
        table.put(a_put())


def test_a_condition_that_fails_on_our_own_write_is_success(table: DynamoTable, faults: Faults) -> None:
    faults.give(fault.REPLY_LOST)
    table.put(a_put())
    faults.give(fault.REPLY_LOST)
    table.put(a_put(read_version=1, said="again"))
    stored = table.get(KEY)
    assert stored is not None and stored["said"]["S"] == "again"


def test_a_condition_that_fails_is_not_tried_again(table: DynamoTable, faults: Faults) -> None:
    table.put(a_put())
    faults.give()
    with pytest.raises(ConditionFailed) as caught:
        table.put(a_put(said="too late"))
    assert faults.requests == ["PutItem"]
    assert caught.value.items[0]["version"]["N"] == "1"


def test_losing_to_another_writer_after_a_lost_request_is_a_conflict(table: DynamoTable, faults: Faults) -> None:
    """Versions go up by one: whoever stands at the version we wanted to write proves that we did not write."""
    table.put(a_put())
    faults.give(fault.REQUEST_LOST)
    put = a_put(read_version=0)
    with pytest.raises(ConditionFailed) as caught:
        table.put(put)
    assert isinstance(caught.value.as_error([put]), Conflict)


def test_being_written_over_after_a_lost_reply_is_indeterminate(table: DynamoTable) -> None:
    """Our version may have been there for a moment; nobody can tell any more."""
    table.put(a_put())
    table.put(a_put(read_version=1))
    put = a_put(read_version=0)
    failed = ConditionFailed({0: table.get(KEY) or {}}, reply_lost=True)
    assert isinstance(failed.as_error([put]), Indeterminate)
    assert isinstance(ConditionFailed(failed.items, reply_lost=False).as_error([put]), Conflict)


def test_a_refused_request_is_not_tried_again(table: DynamoTable, faults: Faults) -> None:
    faults.give()
    with pytest.raises(Misuse):
        table.get(("", "META"))
    assert faults.requests == ["GetItem"]


def test_pauses_grow_and_no_try_begins_after_the_deadline(time: ManualTime) -> None:
    with moto_table(time.retries(tries=10, deadline_s=1.0, pause_s=0.1)) as table:
        faults = Faults(table._client, [fault.THROTTLED] * 10)
        with pytest.raises(Unavailable):
            table.get(KEY)
    assert time.pauses_s == [0.2, 0.4]
    assert len(faults.requests) == 3


def test_retries_stay_a_fraction_of_the_operations_while_the_store_struggles(
    table: DynamoTable, faults: Faults
) -> None:
    operations = 400
    draw = random.Random(1)
    faults.give(*draw.choices([fault.THROTTLED, fault.NO_FAULT], [30, 70], k=2 * operations))
    for _ in range(operations):
        with contextlib.suppress(Unavailable):
            table.get(KEY)
    assert operations < len(faults.requests) <= 1.3 * operations


def test_a_transaction_names_what_had_changed(table: DynamoTable) -> None:
    table.put(a_put())
    other = Put(keyed({"version": {"N": "1"}}, ("CALL#2", "META")), 0, "appointment")
    with pytest.raises(Conflict) as caught:
        table.transact([a_put(), other], "w1")
    assert caught.value.code == "stale"
    assert caught.value.facts == {"changed": ["call"]}
    assert table.get(("CALL#2", "META")) is None


def test_more_items_than_a_transaction_holds_are_refused_before_they_are_sent(
    table: DynamoTable, faults: Faults
) -> None:
    with pytest.raises(Misuse, match="101 items"):
        table.transact([a_put()] * 101, "w1")
    assert faults.requests == []


def test_many_items_are_read_in_batches_of_a_hundred(table: DynamoTable, faults: Faults) -> None:
    keys = [(f"CALL#{n}", "META") for n in range(250)]
    for key in keys[::50]:
        table.put(Put(keyed({}, key), None, "call"))
    faults.give()
    assert sorted(table.get_many([*keys, *keys])) == sorted(keys[::50])
    assert faults.requests == ["BatchGetItem"] * 3


def test_a_query_follows_every_page(table: DynamoTable, faults: Faults) -> None:
    for n in range(9):
        table.put(Put(keyed({"filler": {"S": "x" * 300_000}}, ("CALL#1", f"SEEN#{n}")), None, "sighting"))
    faults.give()
    assert [item["sk"]["S"] for item in table.query("CALL#1", "SEEN#")] == [f"SEEN#{n}" for n in range(9)]
    assert len(faults.requests) > 1
