"""The support desk of a business that keeps its accounts in a system of its own, behind the real handlers and the real HTTP client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from functions.tools.books import Shelf
from pokea.accounts import AccountBook
from pokea.adapters.public_http import PublicHttp
from pokea.agents import get
from pokea.backends import Auth, Backend
from pokea.profile import Profile
from pokea.shipments import ShipmentBook
from tests.support.business_system import KEY, BusinessSystem, running
from tests.support.control_plane import PROFILES, ControlPlane
from tests.support.customers import KASI, OWN, PIN
from tests.support.phone import Phone

ACCOUNT = {
    "account_id": OWN,
    "name": "Amina Otieno",
    "numbers": ["+254722000111"],
    "plan": "Home 20",
    "balance": -1250.5,
    "orders": [{"order_id": "7301", "item": "a router", "status": "shipped", "placed_on": "2026-11-18"}],
}
PATHS = {
    "find": "/accounts/{reference}",
    "by_number": "/accounts?phone={number}",
    "verify": "/accounts/{reference}/verify",
    "orders": "/accounts/{reference}/orders",
    "tickets": "/accounts/{reference}/tickets",
    "open_ticket": "/accounts/{reference}/tickets",
}


def business_system(**parts: Any) -> BusinessSystem:
    return BusinessSystem(accounts={OWN: dict(ACCOUNT)}, pins={OWN: PIN}, **parts)


@dataclass
class OutsidePlane(ControlPlane):
    """`budget_s`: what one tool call may spend outside."""

    shelf: Shelf | None = None

    def make_books(self, profile: Profile) -> tuple[AccountBook, ShipmentBook]:
        assert self.shelf is not None
        return self.shelf.books(profile, self.bookings)


@contextmanager
def outside(
    system: BusinessSystem, *, budget_s: float = 2.4, timeout_s: float = 1.5, allow_private: bool = True
) -> Iterator[OutsidePlane]:
    with running(system):
        backend = Backend(
            base_url=system.url,
            paths=PATHS,
            auth=Auth.BEARER,
            secret="BACKEND_KEY",
            currency="KES",
            timeout_s=timeout_s,
        )
        profile = replace(KASI, backends={"accounts": backend})
        assert get("support").problem(profile) is None
        http = PublicHttp(allow_private=allow_private)
        shelf = Shelf(secret=lambda name: KEY, http=lambda: http, budget_s=budget_s)
        try:
            yield OutsidePlane(profiles={**PROFILES, profile.business_id: profile}, shelf=shelf)
        finally:
            http.close()


def verified(plane: ControlPlane) -> Phone:
    phone = Phone(plane, "support", "+254722000111")
    phone.tool("verifyCaller", reference=OWN)
    assert phone.tool("verifyCaller", keys=PIN)["status"] == "verified"
    return phone
