"""Accounts, orders, tickets and outages in a business's own system: `pokea.accounts.AccountBook`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pokea.accounts import (
    Account,
    Factor,
    Order,
    OrderStatus,
    Outage,
    Ticket,
    TicketNote,
    TicketStatus,
    pin_matches,
)
from pokea.adapters.http_backend import HttpBackend
from pokea.adapters.http_fields import Fields, one, several
from pokea.backends import BackendDown, BackendUnsure
from pokea.errors import Conflict
from pokea.ids import BusinessId, IntentKey
from pokea.phone_numbers import E164
from pokea.verification import is_right

LONG_AGO = date.min


@dataclass(frozen=True, slots=True)
class HttpAccounts:
    """`orders`: a system of its own for orders, or None where the one of the accounts has them too."""

    business_id: BusinessId
    country: str
    system: HttpBackend
    orders: HttpBackend | None = None

    def find(self, account_id: str) -> Account | None:
        """An answer that is about another account than the one asked for is nobody's."""
        found = self._one("account", self.system.read("find", reference=_named(account_id)))
        account = self._account(found) if found else None
        return account if account and _same(account.account_id, account_id) else None

    def by_number(self, number: E164) -> tuple[str, ...]:
        if not self.system.can("by_number"):
            return ()
        rows = self._several("account", self.system.read("by_number", number=number))
        return tuple(row.required("account_id") for row in rows)

    def check(self, account_id: str, factor: Factor, answer: str) -> bool:
        if factor is Factor.PIN and self.system.can("verify"):
            return self._is_confirmed(account_id, factor, answer)
        account = self.find(account_id)
        if factor is Factor.PIN:
            return pin_matches(answer, account.pin if account else "")
        return account is not None and is_right(account, factor, answer)

    def orders_of(self, account_id: str) -> tuple[Order, ...]:
        system = self.orders or self.system
        rows = several(system.backend, "order", system.read("orders", reference=account_id))
        own = [self._order(row, account_id) for row in rows if _is_of(row, account_id)]
        return tuple(sorted(own, key=lambda order: (order.placed_on, order.order_id), reverse=True))

    def tickets_of(self, account_id: str) -> tuple[Ticket, ...]:
        rows = self._several("ticket", self.system.read("tickets", reference=account_id))
        own = [self._ticket(row, account_id) for row in rows if _is_of(row, account_id)]
        return tuple(sorted(own, key=lambda ticket: (ticket.opened_at, ticket.ticket_id), reverse=True))

    def outage_in(self, area: str) -> Outage | None:
        if not area and self.system.can("outage"):
            return None
        found = self._one("outage", self.system.read("outage", area=area))
        if found is None or found.flag("is_over"):
            return None
        since = found.instant("since") or _EPOCH
        return Outage(
            business_id=self.business_id,
            area=area,
            since=since,
            what=found.words("what"),
            back_at=found.instant("back_at"),
        )

    def open_ticket(self, intent: IntentKey, account_id: str, problem: str, now: datetime) -> Ticket:
        body = {"problem": problem, "at": now.isoformat()}
        content = self._written("open_ticket", intent, body, reference=account_id)
        if content is None:
            raise BackendDown("backend_refused", "the system knows no such account")
        ticket_id = self._name_of_ticket(content)
        return Ticket(
            business_id=self.business_id,
            ticket_id=ticket_id,
            account_id=account_id,
            problem=problem,
            status=TicketStatus.OPEN,
            opened_at=now,
            intent=intent,
        )

    def add_note(self, intent: IntentKey, account_id: str, ticket_id: str, note: str, now: datetime) -> Ticket | None:
        body = {"note": note, "at": now.isoformat()}
        content = self._written("add_note", intent, body, reference=account_id, ticket=ticket_id)
        if content is None:
            return None
        return Ticket(
            business_id=self.business_id,
            ticket_id=ticket_id,
            account_id=account_id,
            problem="",
            status=TicketStatus.OPEN,
            opened_at=now,
            notes=(TicketNote(note, now, intent),),
        )

    # --- how it is read -------------------------------------------------------------------------------------------------------

    def _is_confirmed(self, account_id: str, factor: Factor, answer: str) -> bool:
        """200 with {"ok": true} (or the profile's name for it), or 204; any refusal is a no."""
        content = self.system.probe("verify", {"factor": factor.value, "answer": answer}, reference=_named(account_id))
        if content is None or content is False:
            return False
        found = one(self.system.backend, "verify", content)
        return found is None or found.flag("ok")

    def _written(self, operation: str, intent: IntentKey, body: Mapping[str, object], **values: str) -> object:
        try:
            return self.system.write(operation, intent, body, **values)
        except Conflict as problem:
            raise BackendDown("backend_refused", problem.message) from None

    def _name_of_ticket(self, content: object) -> str:
        """It said yes; without a name for the ticket nobody can tell what came of it."""
        try:
            found = self._one("ticket", content)
            if found is None:
                raise BackendDown("backend_reply", "the reply names no ticket")
            return found.required("ticket_id")
        except BackendDown as problem:
            raise BackendUnsure("backend_reply", problem.message) from None

    def _one(self, kind: str, content: object) -> Fields | None:
        return one(self.system.backend, kind, content)

    def _several(self, kind: str, content: object) -> tuple[Fields, ...]:
        return several(self.system.backend, kind, content)

    def _account(self, row: Fields) -> Account:
        return Account(
            business_id=self.business_id,
            account_id=row.required("account_id"),
            name=row.text("name"),
            numbers=row.numbers("numbers", self.country),
            plan=row.text("plan"),
            balance=row.money("balance"),
            pin=row.text("pin"),
            birth_date=row.day("birth_date"),
            area=row.text("area").casefold(),
            language=row.text("language"),
        )

    def _order(self, row: Fields, account_id: str) -> Order:
        return Order(
            business_id=self.business_id,
            order_id=row.required("order_id"),
            account_id=account_id,
            item=row.text("item"),
            status=row.state("status", OrderStatus),
            placed_on=row.day("placed_on") or LONG_AGO,
            expected_on=row.day("expected_on"),
        )

    def _ticket(self, row: Fields, account_id: str) -> Ticket:
        return Ticket(
            business_id=self.business_id,
            ticket_id=row.required("ticket_id"),
            account_id=account_id,
            problem=row.text("problem"),
            status=row.state("status", TicketStatus, TicketStatus.OPEN),
            opened_at=row.instant("opened_at") or _EPOCH,
        )


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _named(account_id: str) -> str:
    """What stands for a number that nobody has is asked for as nobody: with as much work, and without telling the system of it."""
    return account_id if account_id and re.fullmatch(r"[A-Za-z0-9._-]*", account_id) else "-"


def _same(one_id: str, other: str) -> bool:
    return _plain(one_id) == _plain(other)


def _plain(reference: str) -> str:
    return "".join(char for char in reference.upper() if char.isalnum())


def _is_of(row: Fields, account_id: str) -> bool:
    """A row that names another account is not shown; one that names none came from a path that names it."""
    named = row.text("account_id")
    return not named or _same(named, account_id)
