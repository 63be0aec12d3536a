"""A business with spending caps, its books in memory, and what its calls really cost: worked out here on its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pokea.billing.rate_deck import RateDeck, deck_of
from pokea.billing.rules import BillingRules
from pokea.billing.spend import SPEND_DAY, Need, SpendDay, SpendTrip
from pokea.billing.spend_ledger import SpendLedger
from pokea.clock import ManualClock
from pokea.errors import Denied
from pokea.ids import BusinessId
from pokea.lines import PACKAGED
from pokea.money import MICROS
from pokea.phone_numbers import E164
from pokea.profile import Profile, load_profile
from pokea.sautikit.labels import label_of
from tests.fakes.memory_store import MemoryStore

MORNING = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # 8 o'clock in Nairobi
CLINIC = load_profile(PACKAGED / "whitedent.toml")
USUAL, RARE, UNPRICED = E164("+254722000111"), E164("+25261234567"), E164("+881612345678")
USUAL_MINUTE, RARE_MINUTE = 3 * MICROS + MICROS // 2, 90 * MICROS + MICROS // 2  # with the stream
DECK = deck_of(
    {
        "id": "test-kes",
        "currency": "KES",
        "row": [
            {"direction": direction, "prefix": prefix, "per_minute": price, "rounding": "per_second"}
            for direction, prefix, price in (
                ("outbound", "+254", "3.00"),
                ("transfer", "+254", "3.00"),
                ("outbound", "+252", "90.00"),
                ("stream", "", "0.50"),
            )
        ],
    },
    "test",
)


def cost(number: E164, seconds: int) -> int:
    """Micro-units of a call that talked for so long, stream included; each half is rounded up to a cent, as bills may be."""
    minute = 90 * MICROS if number.startswith("+252") else 3 * MICROS
    return sum(-(-part * seconds // 60 // 10_000) * 10_000 for part in (minute, MICROS // 2))


def business(daily: int | None = None, unusual: int | None = None, base: Profile = CLINIC) -> Profile:
    """Caps in whole shillings."""
    micros = [None if amount is None else amount * MICROS for amount in (daily, unusual)]
    return replace(base, billing=BillingRules("test-kes", *micros))


@dataclass
class Books:
    """One business and its ledger."""

    profile: Profile
    store: Any = field(default_factory=MemoryStore)
    clock: ManualClock = field(default_factory=lambda: ManualClock(MORNING))
    deck: RateDeck = DECK
    told: list[SpendTrip] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = SpendLedger(
            store=lambda: self.store,
            profiles=lambda: {self.profile.business_id: self.profile},
            deck_of=lambda profile: self.deck,
            tell=self.told.append,
        )

    @property
    def business_id(self) -> BusinessId:
        return self.profile.business_id

    def label(self, name: object) -> str:
        return label_of(self.business_id, str(name))

    def admits(self, name: object, number: E164 = USUAL, need: Need = Need.CALL) -> str:
        """ "" if the call may be placed, else what refused it."""
        try:
            self.ledger.admit(self.business_id, self.label(name), number, need, self.clock.now())
        except Denied as denied:
            return str(denied.facts.get("limit", denied.code))
        return ""

    def settle(self, name: object, micros: int) -> None:
        self.ledger.settle(self.business_id, self.label(name), micros, self.clock.now())

    def release(self, name: object) -> None:
        self.ledger.release(self.business_id, self.label(name), self.clock.now())

    def unsure(self, name: object) -> None:
        self.ledger.unsure(self.business_id, self.label(name), self.clock.now())

    @property
    def day(self) -> SpendDay:
        days = self.store.all_records(SPEND_DAY)
        return days[-1] if days else SpendDay(business_id=self.business_id, day=self.clock.now().date())
