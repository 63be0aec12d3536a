"""F3.2 for records: tickets opened and attempts counted in a store that throttles, fails and loses replies. One intent, one ticket."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pokea.accounts import TICKET, Ticket
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.desk.own_accounts import OwnAccounts
from pokea.errors import Indeterminate, Unavailable
from pokea.ids import IntentKey
from pokea.ports import Change
from tests.fakes.conversation import SATURDAY
from tests.faults.test_f3_2_struggling_store import weather
from tests.support.customers import BUSINESS, OWN
from tests.support.faulty_client import Faults
from tests.support.store import ManualTime, RunningAws

CALLS = 100
SAMPLE = 25
BURST = 10  # retries that a process may begin with
OPERATIONS = 2  # of one opening: is it there already, and the write


@pytest.fixture
def table(local_aws: RunningAws) -> Iterator[DynamoTable]:
    with local_aws.fresh_table(ManualTime().retries(), read_timeout=30) as made:
        yield made


def intent_of(number: int) -> IntentKey:
    return IntentKey(hashlib.sha256(f"wish {number}".encode()).hexdigest()[:32])


_asked = itertools.count()


class Forgetful(OwnAccounts):
    """Does not know that it has been asked before: a ticket of its own for every try."""

    def open_ticket(self, intent: IntentKey, *details: object) -> Ticket:
        forgotten = hashlib.sha256(f"{intent} {next(_asked)}".encode()).hexdigest()[:32]
        return super().open_ticket(IntentKey(forgotten), *details)  # type: ignore[arg-type]


def stormy_day(book: OwnAccounts, faults: Faults, seed: int, calls: int = CALLS) -> list[str]:
    """Callers open a ticket each; whoever is not served asks again once the weather has cleared. What was untrue."""
    said: dict[int, str] = {}
    faults._faults = weather(seed)
    for number in range(calls):
        try:
            said[number] = book.open_ticket(intent_of(number), OWN, f"problem {number}", SATURDAY).ticket_id
        except Unavailable:
            said[number] = "not opened"
        except Indeterminate:
            said[number] = "not known"
    sent = len(faults.requests)
    faults.give()
    stored = {ticket.problem for ticket in book.tickets_of(OWN)}
    breaches = []
    for number, word in said.items():
        is_there = f"problem {number}" in stored
        if word not in ("not opened", "not known") and not is_there:
            breaches.append(f"{number}: said opened, and it is not")
        if word == "not opened" and is_there:
            breaches.append(f"{number}: said not opened, and it is")
    for number in range(calls):
        book.open_ticket(intent_of(number), OWN, f"problem {number}", SATURDAY)
    if len(book.tickets_of(OWN)) != calls:
        breaches.append(f"{len(book.tickets_of(OWN))} tickets of {calls} wishes")
    if sent > 1.3 * OPERATIONS * calls + BURST:
        breaches.append(f"{sent} requests")
    return breaches


def test_every_wish_is_one_ticket_and_nobody_is_told_otherwise(table: DynamoTable) -> None:
    assert stormy_day(OwnAccounts(BUSINESS, DynamoStore(table)), Faults(table._client), 1, SAMPLE) == []


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(2, 12))
def test_it_is_so_in_every_storm(table: DynamoTable, seed: int) -> None:
    assert stormy_day(OwnAccounts(BUSINESS, DynamoStore(table)), Faults(table._client), seed) == []


def test_the_check_sees_a_desk_that_forgets_what_it_was_asked(table: DynamoTable) -> None:
    breaches = stormy_day(Forgetful(BUSINESS, DynamoStore(table)), Faults(table._client), 1, SAMPLE)
    assert any("tickets of" in breach for breach in breaches)


def test_a_record_that_changed_meanwhile_is_not_written_over(table: DynamoTable) -> None:
    store = DynamoStore(table)
    book = OwnAccounts(BUSINESS, store)
    ticket = book.open_ticket(intent_of(1), OWN, "slow", SATURDAY)
    book.add_note(intent_of(2), OWN, ticket.ticket_id, "first", SATURDAY)
    stale = replace(ticket, version=1)
    with pytest.raises(Exception, match="changed since"):
        store.apply(Change(records=(TICKET.of(stale),)))
    book.add_note(intent_of(3), OWN, ticket.ticket_id, "second", SATURDAY)
    assert [note.text for note in book.tickets_of(OWN)[0].notes] == ["first", "second"]
