"""Where the tools find a business's accounts, orders and shipments."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from functions.tools.books import Shelf
from pokea.adapters.http_accounts import HttpAccounts
from pokea.adapters.http_shipments import HttpShipments
from pokea.backends import Backend, BackendDown
from pokea.desk.own_accounts import OwnAccounts
from pokea.stored_shipments import StoredShipments
from tests.support.customers import KASI, OWN, customers
from tests.unit.adapters.test_http_backend import Replied, Wire, ok

ORDERS = Backend(base_url="https://shop.example.com", paths={"orders": "/orders/{reference}"})
SYSTEM = Backend(base_url="https://api.example.com", paths={"find": "/find"})


def shelf(wire: Wire | None = None) -> Shelf:
    return Shelf(secret=lambda name: "value", http=lambda: wire or Wire([ok({})]))


def test_without_a_system_of_its_own_a_business_keeps_everything_with_us() -> None:
    accounts, shipments = shelf().books(KASI, customers())
    assert isinstance(accounts, OwnAccounts)
    assert isinstance(shipments, StoredShipments)


def test_each_system_of_a_business_stands_in_for_what_it_keeps() -> None:
    profile = replace(KASI, backends={"accounts": SYSTEM, "shipments": SYSTEM})
    accounts, shipments = shelf().books(profile, customers())
    assert isinstance(accounts, HttpAccounts)
    assert isinstance(shipments, HttpShipments)


def test_orders_may_be_elsewhere_while_accounts_are_with_us() -> None:
    wire = Wire([ok([{"order_id": "9", "item": "a cable", "status": "packed", "placed_on": "2026-11-20"}])])
    accounts, _ = shelf(wire).books(replace(KASI, backends={"orders": ORDERS}), customers())
    assert [(order.order_id, order.placed_on) for order in accounts.orders_of(OWN)] == [("9", date(2026, 11, 20))]
    assert accounts.find(OWN) is not None
    assert wire.sent[0].url == "https://shop.example.com/orders/1042"


def test_orders_may_be_elsewhere_while_accounts_are_in_another_system() -> None:
    wire = Wire([ok([])])
    accounts, _ = shelf(wire).books(replace(KASI, backends={"accounts": SYSTEM, "orders": ORDERS}), customers())
    assert accounts.orders_of(OWN) == ()
    assert wire.sent[0].url == "https://shop.example.com/orders/1042"


def test_a_system_that_rests_rests_for_every_call_of_the_process() -> None:
    wire = Wire([Replied(403)])
    one, profile = shelf(wire), replace(KASI, backends={"orders": ORDERS})
    for _ in range(5):
        with pytest.raises(BackendDown):
            one.books(profile, customers())[0].orders_of(OWN)
    with pytest.raises(BackendDown, match="left alone"):
        one.books(profile, customers())[0].orders_of(OWN)
    assert len(wire.sent) == 5
