"""An internet provider's customers as the demo finds them: the caller's account with an order and a ticket, and somebody else's account."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from local.engine.names import NAMES
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
from pokea.hours import local
from pokea.money import Money
from pokea.phone_numbers import E164
from pokea.profile import Profile
from pokea.records import Stored

PLANS = ("Home 10", "Home 20", "Home 40")
CURRENCY = "KES"
QUIET_AREA, DARK_AREA = "kilimani", "ruaka"


@dataclass(frozen=True)
class Seed:
    """`balance`: whole shillings, negative is owed. The other account belongs to somebody else, in an area with an outage."""

    name: str
    number: str
    reference: str
    pin: str
    plan: str
    balance: int
    order: str
    item: str
    ticket: str
    ticket_problem: str
    other_name: str
    other_reference: str
    other_pin: str
    area: str = QUIET_AREA
    outage_area: str = DARK_AREA


def fixed(today: date, number: str) -> Seed:
    return Seed(
        name="Joyce Atieno",
        number=number,
        reference="1042",
        pin="4711",
        plan="Home 20",
        balance=-2_500,
        order="7301",
        item="a router",
        ticket="T550218",
        ticket_problem="no connection in the kitchen",
        other_name="Samuel Kiprop",
        other_reference="2086",
        other_pin="9053",
    )


def drawn(today: date, number: str, rng: random.Random) -> Seed:
    name, other = rng.sample(NAMES, 2)
    reference, other_reference, order = (str(drawn) for drawn in rng.sample(range(1_000, 10_000), 3))
    pin, other_pin = (f"{drawn:04d}" for drawn in rng.sample(range(10_000), 2))
    return Seed(
        name=name,
        number=number,
        reference=reference,
        pin=pin,
        plan=rng.choice(PLANS),
        balance=rng.choice((-1, 1)) * 50 * rng.randint(1, 120),
        order=order,
        item=rng.choice(("a router", "a cable", "a second router")),
        ticket=f"T{rng.randint(0, 999_999):06d}",
        ticket_problem=rng.choice(("no connection in the kitchen", "the bill came twice", "the router is loud")),
        other_name=other,
        other_reference=other_reference,
        other_pin=other_pin,
    )


def records(profile: Profile, seed: Seed, now: datetime) -> tuple[Stored[Any], ...]:
    business, today = profile.business_id, local(now, profile.tz).date()
    salt = random.Random(seed.reference)
    own = Account(
        business_id=business,
        account_id=seed.reference,
        name=seed.name,
        numbers=(E164(seed.number),),
        plan=seed.plan,
        balance=Money.parse(str(seed.balance), CURRENCY),
        pin=pin_digest(seed.pin, salt.randbytes(16)),
        birth_date=date(1988, 5, 14),
        area=seed.area,
        language=profile.language,
    )
    other = Account(
        business_id=business,
        account_id=seed.other_reference,
        name=seed.other_name,
        plan="Home 40",
        balance=Money.parse("1234", CURRENCY),
        pin=pin_digest(seed.other_pin, salt.randbytes(16)),
        birth_date=date(1979, 11, 2),
        area=seed.outage_area,
    )
    order = Order(
        business_id=business,
        order_id=seed.order,
        account_id=seed.reference,
        item=seed.item,
        status=OrderStatus.SHIPPED,
        placed_on=today - timedelta(days=3),
        expected_on=today + timedelta(days=2),
    )
    ticket = Ticket(
        business_id=business,
        ticket_id=seed.ticket,
        account_id=seed.reference,
        problem=seed.ticket_problem,
        status=TicketStatus.IN_PROGRESS,
        opened_at=now.astimezone(UTC) - timedelta(days=1),
    )
    outage = Outage(
        business_id=business,
        area=seed.outage_area,
        since=now.astimezone(UTC) - timedelta(hours=1),
        what={"en": "a broken cable", "sw": "waya umekatika"},
        back_at=now.astimezone(UTC) + timedelta(hours=3),
    )
    return (ACCOUNT.of(own), ACCOUNT.of(other), ORDER.of(order), TICKET.of(ticket), OUTAGE.of(outage))
