"""Where a business keeps its accounts, orders and shipments: in our store, or in its own systems as its profile says."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from pokea.accounts import AccountBook
from pokea.desk.own_accounts import OwnAccounts
from pokea.ports import Store
from pokea.profile import Profile
from pokea.shipments import ShipmentBook
from pokea.stored_shipments import StoredShipments

BUDGET_S = 2.4  # the bridge waits three seconds

if TYPE_CHECKING:
    from pokea.adapters.breaker import Breaker
    from pokea.adapters.http_backend import Budget, Http, HttpBackend


class Shelf:
    """One per process. `secret` gives the value of a secret by its name; `budget_s`: for all that one tool call asks outside."""

    def __init__(self, *, secret: Callable[[str], str], http: Callable[[], Http], budget_s: float = BUDGET_S) -> None:
        self._secret = secret
        self._http = http
        self._budget_s = budget_s
        self._breaker = cache(_breaker)

    def books(self, profile: Profile, store: Store) -> tuple[AccountBook, ShipmentBook]:
        """For one tool call: all that it asks outside shares one budget of time."""
        if not profile.backends:
            return OwnAccounts(profile.business_id, store), StoredShipments(store, profile.business_id)
        from pokea.adapters.http_accounts import HttpAccounts
        from pokea.adapters.http_backend import Budget
        from pokea.adapters.http_shipments import HttpShipments
        from pokea.desk.own_accounts import OrdersElsewhere

        budget = Budget(self._budget_s)
        accounts, orders, shipments = (
            self._system(profile, domain, budget) for domain in ("accounts", "orders", "shipments")
        )
        business, country = profile.business_id, profile.country
        book: AccountBook = OwnAccounts(business, store)
        if accounts is not None:
            book = HttpAccounts(business, country, accounts, orders)
        elif orders is not None:
            book = OrdersElsewhere(business, store, HttpAccounts(business, country, orders).orders_of)
        parcels: ShipmentBook = StoredShipments(store, business)
        return book, HttpShipments(business, country, shipments) if shipments is not None else parcels

    def _system(self, profile: Profile, domain: str, budget: Budget) -> HttpBackend | None:
        from pokea.adapters.http_backend import HttpBackend

        backend = profile.backends.get(domain)
        if backend is None:
            return None
        breaker = self._breaker(profile.business_id, domain)
        return HttpBackend(backend, self._http(), self._secret, breaker, budget)


def _breaker(business_id: str, domain: str) -> Breaker:
    from pokea.adapters.breaker import Breaker

    return Breaker()
