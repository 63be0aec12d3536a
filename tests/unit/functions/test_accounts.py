"""PUT /accounts, /tickets and /outages through the real application: what the support agent then finds in our store."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from functions.api.accounts import AccountDesk
from functions.api.app import make_app
from functions.api.wiring import Api
from pokea.accounts import ACCOUNT, Factor, TicketStatus
from pokea.adapters.observability import Log
from pokea.backends import Backend
from pokea.clock import ManualClock
from pokea.desk.own_accounts import OwnAccounts
from pokea.errors import Unauthorized
from pokea.ids import BusinessId
from pokea.money import Money
from pokea.phone_numbers import E164
from tests.fakes.memory_store import MemoryStore
from tests.support.control_plane import PROFILES
from tests.support.customers import KASI

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NUMBER = "+254722000111"
assert KASI.support is not None
AREA = next(iter(KASI.support.areas))
FIRST = {
    "name": "Amina Otieno", "numbers": [NUMBER], "plan": "Home 20", "balance": "-1250.50", "currency": "KES",
    "pin": "4711", "birth_date": "1990-05-01", "area": AREA,
}  # fmt: skip
SCOPES = {
    "own": (KASI.business_id, "accounts:write"),
    "weak": (KASI.business_id, "calls:write"),
    "clinic": (BusinessId("whitedent"), "accounts:write"),
}


class Grant:
    def __init__(self, business_id: BusinessId, scope: str) -> None:
        self.business_id, self.scopes = business_id, frozenset({scope})


class Keys:
    def find(self, key: str) -> Grant:
        if key not in SCOPES:
            raise Unauthorized("bad_api_key")
        return Grant(*SCOPES[key])


class Provider:
    api: Any = None
    logged = io.StringIO()

    def __init__(self, **changes: Any) -> None:
        self.store = MemoryStore()
        profiles = {**PROFILES, KASI.business_id: replace(KASI, **changes)}
        desk = AccountDesk(store=lambda: self.store, profiles=lambda: profiles, clock=ManualClock(NOW))
        others: dict[str, Any] = {
            part.name: None for part in fields(Api) if part.name not in ("keys", "accounts", "edge")
        }
        Provider.api = Api(keys=Keys, accounts=desk, **others)
        self.book = OwnAccounts(KASI.business_id, self.store)

    def put(self, path: str, report: Any, key: str = "own") -> tuple[int, Any]:
        reply = _client.put(path, json=report, headers={"authorization": f"Bearer {key}"})
        return reply.status_code, reply.json()


_client = TestClient(
    make_app(lambda: Provider.api, Log("api-of-accounts", Provider.logged)), raise_server_exceptions=False
)


def test_the_support_agent_finds_what_was_reported_and_the_pin_is_kept_as_a_digest_only() -> None:
    provider = Provider()
    assert provider.put("/accounts/a77", FIRST) == (200, {"id": "A77", "version": 1})
    account = provider.book.find("A77")
    assert account is not None
    assert (account.name, account.numbers, account.area) == ("Amina Otieno", (E164(NUMBER),), AREA)
    assert (account.balance, account.birth_date) == (Money.parse("-1250.50", "KES"), date(1990, 5, 1))
    assert provider.book.check("A77", Factor.PIN, "4711") and not provider.book.check("A77", Factor.PIN, "4712")
    assert account.pin.startswith("scrypt$") and "4711" not in Provider.logged.getvalue()
    assert provider.book.by_number(E164(NUMBER)) == ("A77",)


def test_the_same_report_again_changes_nothing_and_a_later_one_only_what_it_says() -> None:
    provider = Provider()
    provider.put("/accounts/A77", FIRST)
    assert provider.put("/accounts/A77", FIRST)[1]["version"] == 1
    assert provider.put("/accounts/A77", {"plan": "Home 50"})[1]["version"] == 2
    account = provider.book.find("A77")
    assert account is not None and (account.plan, account.name) == ("Home 50", "Amina Otieno")
    assert provider.book.check("A77", Factor.PIN, "4711")


@pytest.mark.parametrize(
    ("path", "report"),
    [
        ("/accounts/A77", {}), ("/accounts/A-7", FIRST), ("/accounts/A77", {**FIRST, "pin": "12"}),
        ("/accounts/A77", {**FIRST, "pin": "abcd"}), ("/accounts/A77", {**FIRST, "numbers": ["12"]}),
        ("/accounts/A77", {**FIRST, "area": "nowhere"}), ("/accounts/A77", {**FIRST, "currency": "ZZZ"}),
        ("/accounts/A77", {"name": "A", "balance": "1"}), ("/accounts/A77", {**FIRST, "balance": "1e9", "extra": 1}),
        ("/accounts/A77", {**FIRST, "name": "A\nB"}), ("/tickets/T1", {"account_id": "A77"}), ("/tickets/T1", {"problem": "x"}),
        ("/outages/nowhere", {}), (f"/outages/{AREA}", {"what": {"fr": "x"}}), (f"/outages/{AREA}", {"since": "2026-11-23T09:00"}),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_and_nothing_is_kept(path: str, report: Any) -> None:
    provider = Provider()
    assert provider.put(path, report)[0] == 400
    assert provider.store.all_records(ACCOUNT) == ()


def test_a_ticket_is_opened_moved_on_and_stays_with_its_account() -> None:
    provider = Provider()
    assert provider.put("/tickets/T1", {"account_id": "A77", "problem": "no signal"})[0] == 200
    assert provider.put("/tickets/T1", {"status": "closed"})[1]["version"] == 2
    (ticket,) = provider.book.tickets_of("A77")
    assert (ticket.problem, ticket.status, ticket.opened_at) == ("no signal", TicketStatus.CLOSED, NOW)
    assert provider.put("/tickets/T1", {"account_id": "A78"})[0] == 409


def test_an_outage_begins_ends_and_begins_anew() -> None:
    provider = Provider()
    report = {"what": {"en": "no internet"}, "back_at": "2026-11-23T15:00:00+03:00"}
    assert provider.put(f"/outages/{AREA}", report)[0] == 200
    outage = provider.book.outage_in(AREA)
    assert outage is not None and (outage.since, outage.back_at) == (NOW, datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    provider.put(f"/outages/{AREA}", {"is_over": True})
    ended = provider.book.outage_in(AREA)
    assert ended is None or ended.is_over
    provider.put(f"/outages/{AREA}", {"what": {"en": "slow"}})
    anew = provider.book.outage_in(AREA)
    assert anew is not None and (anew.what, anew.back_at, anew.is_over) == ({"en": "slow"}, None, False)


def test_only_a_business_that_keeps_its_accounts_here_may_report_on_them() -> None:
    assert Provider().put("/accounts/A77", FIRST, key="weak")[0] == 403
    assert Provider().put("/accounts/A77", FIRST, key="clinic")[0] == 404
    elsewhere = {"accounts": Backend(base_url="https://a.example.com", paths={"find": "/f", "verify": "/v"})}
    assert Provider(backends=elsewhere).put("/accounts/A77", FIRST)[0] == 404
