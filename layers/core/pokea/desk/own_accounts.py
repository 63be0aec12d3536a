"""Accounts, orders, tickets and outages in our own store: `pokea.accounts.AccountBook` for a business without a system of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pokea.accounts import (
    ACCOUNT,
    ORDER,
    OUTAGE,
    TICKET,
    Account,
    Factor,
    Order,
    Outage,
    Ticket,
    TicketNote,
    TicketStatus,
    pin_matches,
)
from pokea.desk.settle import Decision, settle
from pokea.ids import BusinessId, IntentKey
from pokea.phone_numbers import E164
from pokea.ports import Change, Store
from pokea.verification import is_right

NOBODY = "-"  # key of no account


@dataclass(frozen=True, slots=True)
class OwnAccounts:
    business_id: BusinessId
    store: Store

    def find(self, account_id: str) -> Account | None:
        return self.store.record(ACCOUNT, self.business_id, account_id or NOBODY)

    def by_number(self, number: E164) -> tuple[str, ...]:
        found = self.store.records_by(ACCOUNT, self.business_id, number)
        if not found:
            self.find(NOBODY)  # the read that a known number costs
        return tuple(account.account_id for account in found)

    def check(self, account_id: str, factor: Factor, answer: str) -> bool:
        account = self.find(account_id)
        if factor is Factor.PIN:
            return pin_matches(answer, account.pin if account else "")
        return account is not None and is_right(account, factor, answer)

    def orders_of(self, account_id: str) -> tuple[Order, ...]:
        own = self.store.records_by(ORDER, self.business_id, account_id)
        return tuple(sorted(own, key=lambda order: (order.placed_on, order.order_id), reverse=True))

    def tickets_of(self, account_id: str) -> tuple[Ticket, ...]:
        own = self.store.records_by(TICKET, self.business_id, account_id)
        return tuple(sorted(own, key=lambda ticket: (ticket.opened_at, ticket.ticket_id), reverse=True))

    def outage_in(self, area: str) -> Outage | None:
        outage = self.store.record(OUTAGE, self.business_id, area) if area else None
        return outage if outage is not None and not outage.is_over else None

    def open_ticket(self, intent: IntentKey, account_id: str, problem: str, now: datetime) -> Ticket:
        def decide() -> Decision[Ticket]:
            for number in range(100):
                ticket_id = ticket_id_of(intent, number)
                known = self.store.record(TICKET, self.business_id, ticket_id)
                if known is None or known.intent == intent:
                    break
            if known is not None:
                return Decision(known)
            made = Ticket(
                business_id=self.business_id,
                ticket_id=ticket_id,
                account_id=account_id,
                problem=problem,
                status=TicketStatus.OPEN,
                opened_at=now,
                intent=intent,
            )
            return Decision(made, Change(records=(TICKET.of(made),), token=intent))

        return settle(self.store, decide)

    def add_note(self, intent: IntentKey, account_id: str, ticket_id: str, note: str, now: datetime) -> Ticket | None:
        def decide() -> Decision[Ticket | None]:
            before = self.store.record(TICKET, self.business_id, ticket_id)
            if before is None or before.account_id != account_id:
                return Decision(None)
            if any(written.intent == intent for written in before.notes):
                return Decision(before)
            if not before.is_open:
                return Decision(None)
            after = replace(before, notes=(*before.notes, TicketNote(note, now, intent)))
            return Decision(after, Change(records=(TICKET.of(after),)))

        return settle(self.store, decide)


def ticket_id_of(intent: IntentKey, number: int = 0) -> str:
    """Short enough to be spoken: T and six digits. `number`: how many before it are taken by other wishes."""
    return f"T{(int(intent[:12], 16) + number) % 1_000_000:06d}"


@dataclass(frozen=True, slots=True)
class OrdersElsewhere(OwnAccounts):
    """Accounts of ours, with the orders in the business's own system."""

    ask: Callable[[str], tuple[Order, ...]]

    def orders_of(self, account_id: str) -> tuple[Order, ...]:
        return self.ask(account_id)
