"""The support desk's customers for tests: two accounts of one business, one of another, and calls about them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from pokea.accounts import (
    ACCOUNT,
    ORDER,
    OUTAGE,
    TICKET,
    Account,
    Order,
    OrderStatus,
    Outage,
    Ticket,
    TicketStatus,
    pin_digest,
)
from pokea.ids import BusinessId
from pokea.lines import PACKAGED
from pokea.money import Money
from pokea.phone_numbers import E164
from pokea.profile import Profile, load_profile
from pokea.records import Stored
from pokea.toolkit import Evidence, ToolResult
from tests.fakes.conversation import AMINA, SATURDAY, Conversation
from tests.fakes.memory_store import MemoryStore

KASI: Profile = load_profile(PACKAGED / "kasi.toml")
BUSINESS = KASI.business_id
OTHER_BUSINESS = BusinessId("another")
BRIAN = E164("+254733000222")
PIN, OTHER_PIN = "4711", "9053"
OWN, OTHER, FOREIGN = "1042", "2086", "3199"


@cache
def digest_of(pin: str) -> str:
    return pin_digest(pin, b"0123456789abcdef")


def accounts() -> tuple[Account, ...]:
    own = Account(
        business_id=BUSINESS,
        account_id=OWN,
        name="Amina Otieno",
        numbers=(AMINA,),
        plan="Home 20",
        balance=Money.parse("-1250.50", "KES"),
        pin=digest_of(PIN),
        birth_date=date(1990, 3, 14),
        area="kilimani",
    )
    other = Account(
        business_id=BUSINESS,
        account_id=OTHER,
        name="Brian Kamau",
        numbers=(BRIAN,),
        plan="Home 40 Zebra",
        balance=Money.parse("777", "KES"),
        pin=digest_of(OTHER_PIN),
        birth_date=date(1985, 7, 2),
        area="ruaka",
    )
    foreign = Account(
        business_id=OTHER_BUSINESS, account_id=FOREIGN, name="Zawadi Njeri", plan="Quagga", pin=digest_of("1357")
    )
    return own, other, foreign


def belongings() -> tuple[Stored[Any], ...]:
    return (
        ORDER.of(_order("7301", OWN, "a router", date(2026, 11, 18), OrderStatus.SHIPPED)),
        ORDER.of(_order("7102", OWN, "a cable", date(2026, 10, 2), OrderStatus.DELIVERED)),
        ORDER.of(_order("8444", OTHER, "a gnu statue", date(2026, 11, 19), OrderStatus.PLACED)),
        TICKET.of(_ticket("T550218", OWN, "no connection in the kitchen")),
        TICKET.of(_ticket("T660001", OTHER, "the okapi ate the cable")),
        OUTAGE.of(
            Outage(
                business_id=BUSINESS,
                area="ruaka",
                since=SATURDAY - timedelta(hours=1),
                what={"en": "a broken cable", "sw": "waya umekatika"},
                back_at=SATURDAY + timedelta(hours=3),
            )
        ),
    )


# Words that stand in the other accounts alone: none of them may ever be spoken to a caller who is not their owner.
OF_OTHERS = ("Zebra", "777", "gnu", "okapi", "T660001", "T 6 6 0 0 0 1", "8444", "Brian", "Zawadi", "Quagga")
OF_OWN = ("Home 20", "1,250", "1250", "one thousand two hundred", "router", "kitchen", "T550218", "7301")


def customers() -> MemoryStore:
    store = MemoryStore()
    store.put(*(ACCOUNT.of(account) for account in accounts()), *belongings())
    return store


def call(store: MemoryStore | None = None, **parts: Any) -> Conversation:
    """A call to the support desk, from the number of the first account unless said otherwise."""
    return Conversation(**{"store": store or customers(), "profile": KASI, "agent": "support", **parts})


def verify(line: Conversation, reference: str = OWN, pin: str = PIN) -> ToolResult:
    line.tool("verifyCaller", {"reference": reference})
    return line.tool("verifyCaller", {}, Evidence(keys=pin))


def verified(store: MemoryStore | None = None, **parts: Any) -> Conversation:
    line = call(store, **parts)
    assert verify(line).payload["status"] == "verified"
    return line


def _order(order_id: str, account_id: str, item: str, placed_on: date, status: OrderStatus) -> Order:
    return Order(
        business_id=BUSINESS,
        order_id=order_id,
        account_id=account_id,
        item=item,
        status=status,
        placed_on=placed_on,
        expected_on=placed_on + timedelta(days=5),
    )


def _ticket(ticket_id: str, account_id: str, problem: str) -> Ticket:
    return Ticket(
        business_id=BUSINESS,
        ticket_id=ticket_id,
        account_id=account_id,
        problem=problem,
        status=TicketStatus.IN_PROGRESS,
        opened_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    )
