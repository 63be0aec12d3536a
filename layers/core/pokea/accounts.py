"""Customers' accounts, orders, tickets and outages, wherever the business keeps them.

`AccountBook` is what the support agent works with; it belongs to one business and serves one tool call. Behind it is our own store
(`pokea.desk.own_accounts`) or the business's own system over HTTP (`pokea.adapters.http_accounts`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from pokea.ids import BusinessId, IntentKey
from pokea.money import Money
from pokea.phone_numbers import E164
from pokea.privacy import Pii
from pokea.records import Kind


class Factor(StrEnum):
    """What a caller can prove that they know. The number they call from is none: anybody can present any number."""

    PIN = "pin"
    NAME = "name"
    BIRTH_DATE = "birth_date"


SECRET_FACTORS = frozenset({Factor.PIN, Factor.BIRTH_DATE})  # a name is on the doorbell


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`account_id` is the reference that customers know: capital letters and digits. A negative balance is owed to the business."""

    business_id: BusinessId
    account_id: str
    name: str
    numbers: tuple[E164, ...] = ()
    plan: str = ""
    balance: Money | None = None
    pin: str = ""  # as `pin_digest` writes it
    birth_date: date | None = None
    area: str = ""  # key of a place where outages happen
    language: str = ""
    version: int = 0


class OrderStatus(StrEnum):
    PLACED = "placed"
    PACKED = "packed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    business_id: BusinessId
    order_id: str
    account_id: str
    item: str
    status: OrderStatus
    placed_on: date
    expected_on: date | None = None
    version: int = 0


class TicketStatus(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"  # for the customer
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class TicketNote:
    text: str
    at: datetime
    intent: str = ""  # the wish that wrote it, so that it is written once


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    business_id: BusinessId
    ticket_id: str
    account_id: str
    problem: str
    status: TicketStatus
    opened_at: datetime
    notes: tuple[TicketNote, ...] = ()
    intent: str = ""  # the wish that opened it
    version: int = 0

    @property
    def is_open(self) -> bool:
        return self.status is not TicketStatus.CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """`what`: words by language, such as "no internet". One area has at most one outage at a time."""

    business_id: BusinessId
    area: str
    since: datetime
    what: Mapping[str, str] = field(default_factory=dict)
    back_at: datetime | None = None  # expected
    is_over: bool = False
    version: int = 0


class AccountBook(Protocol):
    """Raises Unavailable where nothing was written and Indeterminate where a write may have happened.

    Whoever is not verified may only use `check` and `by_number`, and must not hear what came of `by_number`.
    """

    def find(self, account_id: str) -> Account | None: ...

    def by_number(self, number: E164) -> tuple[str, ...]:
        """Ids of the accounts that name `number`. As much work for a number that nobody has."""

    def check(self, account_id: str, factor: Factor, answer: str) -> bool:
        """Whether `answer` (as `pokea.verification.understood` gives it) is right. As much work for an account that does not exist."""

    def orders_of(self, account_id: str) -> tuple[Order, ...]:
        """Latest first."""

    def tickets_of(self, account_id: str) -> tuple[Ticket, ...]:
        """Latest first."""

    def outage_in(self, area: str) -> Outage | None: ...

    def open_ticket(self, intent: IntentKey, account_id: str, problem: str, now: datetime) -> Ticket:
        """One intent opens one ticket, however often it is asked for."""

    def add_note(self, intent: IntentKey, account_id: str, ticket_id: str, note: str, now: datetime) -> Ticket | None:
        """One intent adds one note. None: that account has no such open ticket."""


# --- secrets at rest -------------------------------------------------------------------------------------------------------------

_COST = (
    2**13
)  # about 20 ms; a PIN of four digits is guarded by counting tries, and this slows down whoever has stolen the table


def pin_digest(pin: str, salt: bytes) -> str:
    """`pin` as an account keeps it. `salt`: 16 random bytes."""
    return f"scrypt${_COST}${salt.hex()}${_scrypt(pin, salt, _COST).hex()}"


def pin_matches(pin: str, digest: str) -> bool:
    """Whether `digest` was made of `pin`. Takes as long for a digest that is missing or malformed."""
    kind, cost, salt, wanted = (digest.split("$") + [""] * 4)[:4]
    known = kind == "scrypt" and cost == str(_COST) and bool(wanted)
    try:
        given = _scrypt(pin, bytes.fromhex(salt) if known else b"\0" * 16, _COST)
    except ValueError:
        given, known = _scrypt(pin, b"\0" * 16, _COST), False
    return hmac.compare_digest(given.hex(), wanted) and known


def _scrypt(pin: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=cost, r=8, p=1, dklen=32)


# --- as records ------------------------------------------------------------------------------------------------------------------

ACCOUNT: Kind[Account] = Kind(
    "account",
    Account,
    key=lambda account: account.account_id,
    lookups=lambda account: account.numbers,
    privacy={
        "business_id": Pii.ID,
        "account_id": Pii.ID,
        "name": Pii.NAME,
        "numbers": Pii.CONTACT,
        "plan": Pii.MONEY,
        "balance": Pii.MONEY,
        "pin": Pii.SECRET,
        "birth_date": Pii.SECRET,
        "area": Pii.PLACE,
        "language": Pii.NONE,
        "version": Pii.NONE,
    },
)
ORDER: Kind[Order] = Kind(
    "order",
    Order,
    key=lambda order: order.order_id,
    lookups=lambda order: (order.account_id,),
    privacy={
        "business_id": Pii.ID,
        "order_id": Pii.ID,
        "account_id": Pii.ID,
        "item": Pii.SPEECH,
        "status": Pii.NONE,
        "placed_on": Pii.NONE,
        "expected_on": Pii.NONE,
        "version": Pii.NONE,
    },
)
TICKET: Kind[Ticket] = Kind(
    "ticket",
    Ticket,
    key=lambda ticket: ticket.ticket_id,
    lookups=lambda ticket: (ticket.account_id,),
    privacy={
        "business_id": Pii.ID,
        "ticket_id": Pii.ID,
        "account_id": Pii.ID,
        "problem": Pii.SPEECH,
        "status": Pii.NONE,
        "opened_at": Pii.NONE,
        "notes": Pii.SPEECH,
        "intent": Pii.NONE,
        "version": Pii.NONE,
    },
)
OUTAGE: Kind[Outage] = Kind(
    "outage",
    Outage,
    key=lambda outage: outage.area,
    privacy={
        "business_id": Pii.ID,
        "area": Pii.PLACE,
        "since": Pii.NONE,
        "what": Pii.NONE,
        "back_at": Pii.NONE,
        "is_over": Pii.NONE,
        "version": Pii.NONE,
    },
)
