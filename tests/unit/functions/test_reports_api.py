"""POST /reports and GET /reports/{period} through the real application."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from functions.api.app import make_app
from functions.api.reports import ReportDesk
from functions.api.wiring import Api
from functions.reports.press import Wish
from pokea.adapters.observability import Log
from pokea.clock import ManualClock
from pokea.errors import Unauthorized, Unavailable
from pokea.ids import BusinessId
from tests.support.control_plane import PROFILES

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SCOPES = {
    "both": (BusinessId("whitedent"), {"reports:read", "reports:write"}),
    "reader": (BusinessId("whitedent"), {"reports:read"}),
    "other": (BusinessId("kasi"), {"reports:read", "reports:write"}),
    "caller": (BusinessId("whitedent"), {"calls:write"}),
}


class Grant:
    def __init__(self, business_id: BusinessId, scopes: set[str]) -> None:
        self.business_id, self.scopes = business_id, frozenset(scopes)


class Keys:
    def find(self, key: str) -> Grant:
        if key not in SCOPES:
            raise Unauthorized("bad_api_key")
        return Grant(*SCOPES[key])


class Office:
    """Where one asks for reports. `made`: those that are there."""

    client: TestClient | None = None
    api: Any = None

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.made: dict[str, datetime] = {}
        self.is_down = False
        desk = ReportDesk(shelf=lambda: self, ask=self.ask, profiles=lambda: PROFILES, clock=ManualClock(NOW))
        others: dict[str, Any] = {
            field.name: None for field in fields(Api) if field.name not in ("keys", "reports", "edge")
        }
        Office.api = Api(keys=Keys, reports=desk, **others)
        if Office.client is None:
            Office.client = TestClient(make_app(lambda: Office.api, Log("api-reports", io.StringIO())))

    def ask(self, wish: Mapping[str, Any]) -> None:
        if self.is_down:
            raise Unavailable("queue_unavailable", "not taken")
        self.asked.append(wish)

    def made_at(self, key: str) -> datetime | None:
        return self.made.get(key)

    def link(self, key: str) -> str:
        return f"https://bucket.example/{key}?signed"

    def request(self, method: str, path: str, key: str = "both", **more: Any) -> Any:
        assert Office.client is not None
        return Office.client.request(method, path, headers={"Authorization": f"Bearer {key}"}, **more)


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_month_is_asked_for_and_found_once_it_is_made(office: Office) -> None:
    asked = office.request("POST", "/reports", json={"month": "2026-11"})
    assert asked.status_code == 202
    key = "statements/business=whitedent/2026-11.html"
    assert asked.json()["html"] == {"key": key, "url": f"https://bucket.example/{key}?signed"}
    assert (asked.json()["made_at"], asked.json()["valid_s"]) == (None, 900)
    assert office.asked == [{"version": 1, "business": "whitedent", "month": "2026-11"}]
    assert office.request("GET", "/reports/2026-11").json()["error"]["code"] == "no_report"
    office.made[key] = NOW
    found = office.request("GET", "/reports/2026-11", "reader")
    assert (found.status_code, found.json()["made_at"]) == (200, "2026-11-21T09:00:00Z")
    assert found.json()["csv"]["key"] == "statements/business=whitedent/2026-11.csv"


def test_a_report_that_has_just_been_made_is_not_made_again(office: Office) -> None:
    key = "statements/business=whitedent/2026-11.html"
    office.made[key] = NOW - timedelta(seconds=59)
    refused = office.request("POST", "/reports", json={"month": "2026-11"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "report_just_made")
    assert (refused.headers["Retry-After"], office.asked) == ("1", [])
    assert office.request("POST", "/reports", json={"day": "2026-11-20"}).status_code == 202
    office.made[key] = NOW - timedelta(seconds=60)
    assert office.request("POST", "/reports", json={"month": "2026-11"}).status_code == 202


def test_what_is_asked_for_is_what_the_reports_function_takes(office: Office) -> None:
    office.request("POST", "/reports", json={"day": "2026-11-20"})
    (wish,) = office.asked
    assert Wish.model_validate(wish) == Wish(business="whitedent", day="2026-11-20")


def test_a_key_sees_its_own_business_only(office: Office) -> None:
    office.made["statements/business=whitedent/2026-11.html"] = NOW
    assert office.request("GET", "/reports/2026-11", "other").status_code == 404
    office.request("POST", "/reports", "other", json={"month": "2026-11"})
    assert [wish["business"] for wish in office.asked] == ["kasi"]


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("POST", "/reports", "", 401),
        ("POST", "/reports", "stolen", 401),
        ("POST", "/reports", "caller", 403),
        ("POST", "/reports", "reader", 403),
        ("GET", "/reports/2026-11", "", 401),
        ("GET", "/reports/2026-11", "caller", 403),
    ],
)
def test_nobody_without_the_scope_asks_or_reads(office: Office, method: str, path: str, key: str, status: int) -> None:
    office.made["statements/business=whitedent/2026-11.html"] = NOW
    assert office.request(method, path, key, json={"month": "2026-11"}).status_code == status
    assert not office.asked


@pytest.mark.parametrize(
    "body",
    [{}, {"month": "2026-11", "day": "2026-11-20"}, {"month": "2026-11-20"}, {"day": "2026-11"}, {"month": "2026-12"}, {"month": "soon"},
     {"month": "2026-11", "business": "kasi"}, {"month": None}, {"month": 202611}, []],
)  # fmt: skip
def test_a_wish_that_is_none_is_refused(office: Office, body: Any) -> None:
    assert office.request("POST", "/reports", json=body).status_code == 400
    assert not office.asked


@pytest.mark.parametrize("period", ["2026", "2026-13", "..", "%2e%2e%2fkasi", "2026-11-31"])
def test_a_period_that_is_none_is_refused(office: Office, period: str) -> None:
    assert office.request("GET", f"/reports/{period}").status_code in (400, 404)


def test_a_queue_that_does_not_take_it_is_a_503(office: Office) -> None:
    office.is_down = True
    assert office.request("POST", "/reports", json={"month": "2026-11"}).status_code == 503
