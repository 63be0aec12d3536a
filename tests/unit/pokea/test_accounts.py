from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pokea.accounts import ACCOUNT, OUTAGE, TICKET, Factor, TicketStatus, pin_digest, pin_matches
from pokea.desk.own_accounts import OwnAccounts, ticket_id_of
from pokea.ids import IntentKey
from pokea.privacy import Pii
from tests.fakes.conversation import AMINA, SATURDAY
from tests.support.customers import BRIAN, BUSINESS, OTHER, OWN, PIN, customers

INTENT = IntentKey("0123456789abcdef0123456789abcdef")
LATER = IntentKey("fedcba9876543210fedcba9876543210")


@pytest.fixture
def book() -> OwnAccounts:
    return OwnAccounts(BUSINESS, customers())


def test_a_pin_is_kept_as_a_salted_digest_only() -> None:
    first, second = pin_digest("4711", b"a" * 16), pin_digest("4711", b"b" * 16)
    assert first != second
    assert "4711" not in first
    assert pin_matches("4711", first)
    assert not pin_matches("4712", first)


@pytest.mark.parametrize("digest", ["", "4711", "scrypt", "scrypt$8192$zz$zz", "scrypt$1$00$00", "md5$1$a$b"])
def test_a_malformed_digest_matches_nothing(digest: str) -> None:
    assert not pin_matches("4711", digest)
    assert not pin_matches("", digest)


def test_balance_pin_and_birth_date_are_classed_as_what_they_are() -> None:
    assert (ACCOUNT.privacy["pin"], ACCOUNT.privacy["birth_date"]) == (Pii.SECRET, Pii.SECRET)
    assert ACCOUNT.privacy["balance"] is Pii.MONEY


def test_an_account_is_found_by_its_reference_and_by_its_number(book: OwnAccounts) -> None:
    assert book.by_number(AMINA) == (OWN,)
    found = book.find(OWN)
    assert found is not None
    assert found.name == "Amina Otieno"
    assert book.find("9999") is None


def test_factors_are_checked_against_the_account(book: OwnAccounts) -> None:
    assert book.check(OWN, Factor.PIN, PIN)
    assert not book.check(OTHER, Factor.PIN, PIN)
    assert book.check(OWN, Factor.NAME, "amina otieno")
    assert book.check(OWN, Factor.BIRTH_DATE, "1990-03-14")
    assert not any(book.check("9999", factor, PIN) for factor in Factor)


def test_orders_and_tickets_are_those_of_one_account_latest_first(book: OwnAccounts) -> None:
    assert [order.order_id for order in book.orders_of(OWN)] == ["7301", "7102"]
    assert [ticket.ticket_id for ticket in book.tickets_of(OWN)] == ["T550218"]


def test_an_outage_that_is_over_is_none(book: OwnAccounts) -> None:
    outage = book.outage_in("ruaka")
    assert outage is not None
    book.store.put(OUTAGE.of(replace(outage, is_over=True)))  # type: ignore[attr-defined]
    assert book.outage_in("ruaka") is None
    assert book.outage_in("") is None


def test_one_intent_opens_one_ticket(book: OwnAccounts) -> None:
    first = book.open_ticket(INTENT, OWN, "slow", SATURDAY)
    again = book.open_ticket(INTENT, OWN, "slow", SATURDAY + timedelta(minutes=1))
    assert again.ticket_id == first.ticket_id
    assert len(book.tickets_of(OWN)) == 2


def test_two_intents_whose_tickets_would_share_a_number_get_two(book: OwnAccounts) -> None:
    first = book.open_ticket(INTENT, OWN, "slow", SATURDAY)
    same_number = IntentKey(INTENT[:12] + "0" * 20)
    assert ticket_id_of(same_number) == ticket_id_of(INTENT)
    assert book.open_ticket(same_number, OWN, "slower", SATURDAY).ticket_id != first.ticket_id


def test_one_intent_adds_one_note(book: OwnAccounts) -> None:
    for _ in range(3):
        assert book.add_note(INTENT, OWN, "T550218", "it is worse now", SATURDAY) is not None
    book.add_note(LATER, OWN, "T550218", "it is worse now", SATURDAY)
    assert [note.intent for note in book.tickets_of(OWN)[0].notes] == [INTENT, LATER]


def test_nothing_is_added_to_a_ticket_of_another_account_or_to_a_closed_one(book: OwnAccounts) -> None:
    assert book.add_note(INTENT, OTHER, "T550218", "mine?", SATURDAY) is None
    assert book.add_note(INTENT, OWN, "T000000", "none", SATURDAY) is None
    closed = replace(book.tickets_of(OWN)[0], status=TicketStatus.CLOSED)
    book.store.put(TICKET.of(closed))  # type: ignore[attr-defined]
    assert book.add_note(INTENT, OWN, "T550218", "late", SATURDAY) is None


def test_a_number_nobody_has_finds_nobody(book: OwnAccounts) -> None:
    assert book.by_number(BRIAN) == (OTHER,)
    assert book.by_number(type(AMINA)("+254799999999")) == ()
