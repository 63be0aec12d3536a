"""Desks with one safeguard of identity taken out each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from pokea import allowance
from pokea.accounts import TICKET, Account, Factor
from pokea.desk import booking_propose, messages, own_appointments, support_status, support_tickets, verify
from pokea.desk.own_accounts import OwnAccounts
from pokea.desk.visit import Visit
from pokea.toolkit import ToolResult
from pokea.verification import Progress, Tries, code_of
from tests.fakes.memory_store import MemoryStore


@contextmanager
def claims_believed() -> Iterator[None]:
    """Opens the account that a caller names, or the one of the number that they present."""

    def believed(visit: Visit) -> Account | ToolResult:
        accounts = visit.desk.accounts
        number = visit.caller.a_number
        said = [code_of(str(value)) for value in visit.call.arguments.values()]
        named = (*said, *(accounts.by_number(number) if number else ()))
        found = next((account for one in named if one and (account := accounts.find(one))), None)
        return found or verify.opened_account(visit)

    with ExitStack() as stack:
        for module in (support_status, support_tickets):
            stack.enter_context(mock.patch.object(module, "opened_account", believed))
        as_proposed = mock.patch.object(
            support_tickets, "_own", lambda visit, proposal: str(proposal.arguments["account"])
        )
        stack.enter_context(as_proposed)
        yield


@contextmanager
def tenants_mixed() -> Iterator[None]:
    """Finds a record under whatever business it stands."""
    honest = MemoryStore.record

    def anybodys(self: MemoryStore, kind: Any, business_id: Any, key: str) -> Any:
        found = honest(self, kind, business_id, key)
        others = (record for (name, _, known), record in self._records.items() if (name, known) == (kind.name, key))
        return found or next(others, None)

    with mock.patch.object(MemoryStore, "record", anybodys):
        yield


@contextmanager
def names_ignored() -> Iterator[None]:
    """Takes a presented number for proof of who is calling."""
    with mock.patch.object(own_appointments, "is_same_name", lambda said, booked: True):
        yield


@contextmanager
def everybodys_diary() -> Iterator[None]:
    """Looks for appointments without asking whose number they were made from."""

    def all_of(self: MemoryStore, business_id: Any, a_number: Any) -> Any:
        return self.all_appointments()

    with mock.patch.object(MemoryStore, "appointments_of", all_of), names_ignored():
        yield


@contextmanager
def attempts_not_counted() -> Iterator[None]:
    with (
        mock.patch.object(Tries, "is_used_up", lambda self, now: False),
        mock.patch.object(Progress, "is_locked", property(lambda self: False)),
    ):
        yield


@contextmanager
def attempts_counted_per_call_only() -> Iterator[None]:
    with mock.patch.object(Tries, "is_used_up", lambda self, now: False):
        yield


@contextmanager
def known_accounts_take_longer() -> Iterator[None]:
    """Looks deeper into an account that exists."""
    honest = OwnAccounts.check

    def slower(self: OwnAccounts, account_id: str, factor: Factor, answer: str) -> bool:
        if self.find(account_id) is not None:
            time.sleep(0.2)
            self.orders_of(account_id)
            self.tickets_of(account_id)
        return honest(self, account_id, factor, answer)

    with mock.patch.object(OwnAccounts, "check", slower):
        yield


@contextmanager
def unknown_accounts_said_to_be() -> Iterator[None]:
    """Helpful: says at once that there is no such account."""
    honest = verify._claim

    def told(visit: Visit, said: str, progress: Progress) -> Progress | None:
        claim = honest(visit, said, progress)
        known = claim is not None and visit.desk.accounts.find(claim.claimed) is not None
        return claim if known else None

    with mock.patch.object(verify, "_claim", told):
        yield


@contextmanager
def no_caps() -> Iterator[None]:
    """Counts nothing: as much as anybody asks for."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(booking_propose, "_has_enough", lambda visit: False))
        stack.enter_context(mock.patch.object(support_tickets, "MAX_OPEN_TICKETS", 10**9))
        stack.enter_context(mock.patch.object(messages, "_limits_reached", lambda visit: False))
        stack.enter_context(mock.patch.object(allowance, "spent", lambda *args: ()))
        yield


@contextmanager
def ownership_ignored() -> Iterator[None]:
    """Takes any ticket for the caller's own."""

    def whosever(self: OwnAccounts, account_id: str) -> Any:
        return tuple(record for (name, _, _), record in self.store._records.items() if name == TICKET.name)  # type: ignore[attr-defined]

    def written(self: OwnAccounts, intent: Any, account_id: str, ticket_id: str, note: str, now: Any) -> Any:
        ticket = next(ticket for ticket in whosever(self, "") if ticket.ticket_id == ticket_id)
        return honest(self, intent, ticket.account_id, ticket_id, note, now)

    honest = OwnAccounts.add_note
    with mock.patch.object(OwnAccounts, "tickets_of", whosever), mock.patch.object(OwnAccounts, "add_note", written):
        yield
