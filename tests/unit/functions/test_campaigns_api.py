"""functions/campaigns over HTTP: definitions, lists, orders, standing and results, each of one's own business only."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fastapi.testclient import TestClient

from functions.campaigns import app
from functions.campaigns.desk import CampaignDesk
from functions.campaigns.http import make_app
from functions.campaigns.outcomes import Outcomes, ResultShelves
from functions.campaigns.suppressions import SuppressionDesk
from functions.campaigns.wiring import Parts
from pokea.adapters.observability import Log
from pokea.campaigns import moves
from pokea.campaigns.contact import ContactState, Disposition
from pokea.clock import ManualClock
from pokea.errors import NotFound, Unauthorized, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD, Lead, Outcome
from pokea.ports import Change
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.fakes.memory_cdrs import MemoryCdrs
from tests.fakes.memory_store import MemoryCallStore, MemoryStore
from tests.support.campaign_samples import BUSINESS, MONDAY, contacts
from tests.support.control_plane import PROFILES, MemoryClosings
from tests.support.lambda_thread import lambda_thread

ROOT = Path(__file__).resolve().parents[3]
RULES = {"id": "year-end", "name": "Year end", "cps": 2, "channels": 4, "fields": ["plan"]}
ROW = {
    "phone": "0722 000 111",
    "name": "Amina Wanjiru",
    "consent_source": "web form",
    "consent_wording": "I agree to be called.",
    "consent_at": "2026-10-02T09:14:00+03:00",
    "fields": {"plan": "basic"},
}


@dataclass(frozen=True)
class Grant:
    business_id: BusinessId
    scopes: frozenset[str]


class Keys:
    grants: ClassVar = {
        "both": Grant(BUSINESS, frozenset({"campaigns:read", "campaigns:write"})),
        "reader": Grant(BUSINESS, frozenset({"campaigns:read"})),
        "other": Grant(BusinessId("kasi"), frozenset({"campaigns:read", "campaigns:write"})),
    }

    def find(self, key: str) -> Grant:
        if key not in self.grants:
            raise Unauthorized("unknown_api_key", "the API key is not known")
        return self.grants[key]


class Schedules:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[str, str]] = {}
        self.is_down = False

    def put(self, business_id: str, campaign_id: str, expression: str, zone: str) -> None:
        if self.is_down:
            raise Unavailable("scheduler_unavailable", "did not take it")
        self.kept[business_id, campaign_id] = (expression, zone)

    def delete(self, business_id: str, campaign_id: str) -> None:
        self.kept.pop((business_id, campaign_id), None)


class Front:
    """The routes over stores in memory."""

    def __init__(self) -> None:
        self.store, self.records, self.calls = MemoryCampaigns(), MemoryStore(), MemoryCallStore()
        self.closings, self.cdrs, self.schedules = MemoryClosings(), MemoryCdrs(), Schedules()
        self.has_schedules = True
        log = Log("campaigns-api", io.StringIO())
        desk = CampaignDesk(
            store=lambda: self.store,
            profiles=PROFILES,
            schedules=self._schedules,
            currency_of=lambda business_id: "KES",
            clock=ManualClock(MONDAY),
            log=log,
        )
        shelves = ResultShelves(self.store, self.records, self.calls, self.closings, self.cdrs)
        planner: Any = None
        keys: Any = Keys
        outcomes = Outcomes(lambda: shelves, lambda business_id: "KES")
        suppressions = SuppressionDesk(lambda: self.records, lambda: self.store, PROFILES, ManualClock(MONDAY), log)
        parts = Parts(planner, desk, outcomes, lambda: self.store, keys, suppressions)
        self.handler = app.make_handler(lambda: parts, log)
        self.client = TestClient(make_app(lambda: parts, log))

    def _schedules(self) -> Schedules:
        if not self.has_schedules:
            raise NotFound("no_schedules", "schedules are not set up here")
        return self.schedules

    def ask(self, method: str, path: str, body: object = None, key: str = "both") -> Any:
        return self.client.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})

    def define(self, **changes: Any) -> Any:
        return self.ask("POST", "/campaigns", {**RULES, **changes})

    def add(self, *rows: Any) -> Any:
        return self.ask("POST", "/campaigns/year-end/contacts", {"contacts": list(rows)})

    def order(self, order: str) -> Any:
        return self.ask("POST", f"/campaigns/year-end/{order}")


@pytest.fixture
def front() -> Front:
    return Front()


def test_a_campaign_is_defined_by_the_keys_of_its_file(front: Front) -> None:
    answer = front.define(begins="2026-11-23T08:00:00+03:00", budget="5000.00", windows={"monday": ["09:00-12:00"]})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["state"], found["begins"], found["budget_micros"]) == ("draft", "2026-11-23T05:00:00Z", 5_000_000_000)
    stored = front.store.campaign(BUSINESS, "year-end")
    assert stored is not None and stored.from_number == PROFILES[BUSINESS].line.number
    assert (
        front.define(begins="2026-11-23T08:00:00+03:00", budget="5000.00", windows={"monday": ["09:00-12:00"]}).json()
        == found
    )
    assert front.store.campaign(BUSINESS, "year-end") == stored  # nothing was written


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cps": 0}, "campaign: cps"), ({"begins": "tomorrow"}, "campaign: begins"), ({"agent": "x"}, "campaign: agent"),
        ({"schedule": "every day"}, "campaign: schedule"), ({"colour": 1}, "campaign: colour"),
        ({"windows": {"monday": [], "closed_days": ["2026-11-99"]}}, "campaign: windows"),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_be_used_names_its_key(front: Front, change: dict[str, Any], says: str) -> None:
    answer = front.define(**change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_campaign")
    assert answer.json()["error"]["message"].startswith(says)


def test_nobody_defines_a_campaign_for_another_business(front: Front) -> None:
    assert front.define(business="kasi").status_code == 403
    assert front.define(business="mizani").status_code == 200


def test_a_list_comes_in_batches_and_every_batch_may_come_again(front: Front) -> None:
    front.define()
    assert front.add(ROW).json() == {"new": 1, "renewed": 0, "kept": 0, "rejected": []}
    assert front.add(ROW, {**ROW, "phone": "+254722000112"}).json()["new"] == 1
    assert front.add(ROW).json() == {"new": 0, "renewed": 0, "kept": 1, "rejected": []}
    assert front.add({**ROW, "name": "A. Wanjiru"}).json()["renewed"] == 1
    (first, _) = sorted(front.store.contacts(BUSINESS, "year-end"), key=lambda one: one.number)
    assert (first.number, first.name, first.fields) == ("+254722000111", "A. Wanjiru", {"plan": "basic"})


def test_what_is_no_contact_is_named_and_costs_the_others_nothing(front: Front) -> None:
    front.define()
    answer = front.add({**ROW, "phone": "12"}, {**ROW, "consent_at": ""}, {**ROW, "fields": {"colour": "red"}}, ROW)
    assert answer.json()["new"] == 1
    assert [(one["place"], one["code"]) for one in answer.json()["rejected"]] == [
        (0, "phone_invalid"), (1, "consent_missing"), (2, "field_unknown"),
    ]  # fmt: skip
    assert front.add(*[ROW] * 501).status_code == 400


def test_somebody_who_was_begun_is_never_overwritten(front: Front) -> None:
    front.define()
    front.add(ROW)
    (one,) = front.store.contacts(BUSINESS, "year-end")
    front.store.put_contact(moves.claimed(one, MONDAY))
    assert front.add({**ROW, "name": "Somebody else"}).json()["kept"] == 1


def test_orders_can_be_repeated_and_say_what_cannot_be(front: Front) -> None:
    front.define()
    assert front.order("pause").json()["error"]["code"] == "campaign_not_started"
    for order, state in (("start", "running"), ("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        for _ in range(2):
            answer = front.order(order)
            assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert front.order("start").status_code == 409
    assert front.order("explode").status_code == 400
    assert front.add(ROW).json()["error"]["code"] == "campaign_cancelled"


def test_a_schedule_is_set_with_the_start_and_forgotten_with_the_end(front: Front) -> None:
    front.define(schedule="cron(0 9 ? * MON-FRI *)")
    assert front.schedules.kept == {}
    assert front.order("start").json()["reason"] == "scheduled"
    assert front.schedules.kept == {(BUSINESS, "year-end"): ("cron(0 9 ? * MON-FRI *)", "Africa/Nairobi")}
    assert front.define(schedule="rate(2 hours)").status_code == 200
    assert front.schedules.kept[BUSINESS, "year-end"][0] == "rate(2 hours)"
    due = json.loads((ROOT / "events/campaign-due.json").read_text())
    assert front.handler(due, None) == {"state": "running"}
    front.order("cancel")
    assert front.schedules.kept == {}
    assert front.handler({"campaign_due": {"business": BUSINESS, "campaign": "gone"}}, None) == {
        "state": "no_such_campaign"
    }


def test_a_campaign_does_not_wait_for_a_schedule_that_was_not_set(front: Front) -> None:
    front.define(schedule="rate(2 hours)")
    front.schedules.is_down = True
    assert front.order("start").status_code == 503
    assert front.ask("GET", "/campaigns/year-end").json()["campaign"]["state"] == "draft"
    front.has_schedules = False
    assert front.order("start").json()["error"]["code"] == "no_schedules"


def test_rules_do_not_change_under_a_running_campaign(front: Front) -> None:
    front.define()
    front.order("start")
    assert front.define(cps=9).status_code == 409
    front.order("pause")
    assert (front.define(cps=9).json()["cps"], front.define(cps=9).json()["state"]) == (9, "paused")


def settle(front: Front, number_of: int, disposition: Disposition) -> None:
    """Have so many contacts end like that, each with one attempt."""
    waiting = front.store.in_state(BUSINESS, "year-end", ContactState.WAITING)[:number_of]
    for one in waiting:
        label = f"pk{one.contact_id[:30]}"
        asked = moves.asked(front.store.put_contact(moves.claimed(one, MONDAY)), label, MONDAY)
        stored = front.store.begin(asked, 100, front.store.attempts(BUSINESS, one.number))
        ringing = front.store.put_contact(moves.ringing(stored, SessionId(f"HD_{one.contact_id[:12]}")))
        front.store.put_contact(moves.done(ringing, disposition))
        front.store.charge(BUSINESS, "year-end", label, 3_000_000)


def test_how_it_stands(front: Front) -> None:
    front.define(budget="100.00")
    front.store.add_contacts(contacts(10))
    settle(front, 2, Disposition.HOT)
    settle(front, 1, Disposition.BUSY)
    found = front.ask("GET", "/campaigns/year-end", key="reader").json()
    assert found["contacts"] == 10
    assert {name: count for name, count in found["states"].items() if count} == {"waiting": 7, "done": 3}
    assert {name: count for name, count in found["dispositions"].items() if count} == {"hot": 2, "busy": 1}
    assert found["money"] == {
        "spent_micros": 9_000_000, "budget_micros": 100_000_000, "micros_per_qualified": 4_500_000, "currency": "KES",
    }  # fmt: skip
    assert found["pace"]["live"] == 0 and found["pace"]["least_s"] > 0
    assert [one["id"] for one in front.ask("GET", "/campaigns").json()["campaigns"]] == ["year-end"]


def test_results_come_in_pages_that_are_one_file(front: Front) -> None:
    front.define()
    front.store.add_contacts(contacts(7))
    settle(front, 7, Disposition.WARM)
    (first, *_) = front.store.contacts(BUSINESS, "year-end")
    lead = Lead(
        business_id=BUSINESS, session_id=SessionId(str(first.session_id)), number=first.number, language="en",
        began_at=MONDAY - timedelta(minutes=5), outcome=Outcome.WARM, score=40,
    )  # fmt: skip
    front.records.apply(Change(records=(LEAD.of(lead),)))
    text, cursor, pages = "", "", 0
    while pages == 0 or cursor:
        answer = front.ask("GET", f"/campaigns/year-end/results?format=csv&limit=3&cursor={cursor}")
        assert answer.headers["content-type"].startswith("text/csv")
        text, cursor, pages = text + answer.text, answer.headers["x-next-cursor"], pages + 1
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len({row["number"] for row in rows}) == 7 and pages >= 3
    assert {row["score"] for row in rows} == {"40", ""}
    assert {row["cost_micros"] for row in rows} == {""}  # nobody has detail records of these calls, so nobody knows
    page = front.ask("GET", "/campaigns/year-end/results?limit=5").json()
    assert len(page["contacts"]) == 5 and page["cursor"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/campaigns/year-end", None), ("GET", "/campaigns/year-end/results", None),
        ("POST", "/campaigns/year-end/start", None), ("POST", "/campaigns/year-end/contacts", {"contacts": []}),
    ],
)  # fmt: skip
def test_another_business_has_no_such_campaign(front: Front, method: str, path: str, body: object) -> None:
    front.define()
    assert front.ask(method, path, body, "other").status_code == 404
    assert front.ask("GET", "/campaigns", key="other").json() == {"campaigns": []}


@pytest.mark.parametrize(
    ("key", "method", "path", "status"),
    [
        ("nobody", "GET", "/campaigns", 401), ("reader", "POST", "/campaigns", 403),
        ("reader", "POST", "/campaigns/year-end/start", 403), ("reader", "GET", "/campaigns/year-end/results", 200),
        ("reader", "GET", "/campaigns/Year%20End", 400),
    ],
)  # fmt: skip
def test_keys_do_what_their_scopes_allow(front: Front, key: str, method: str, path: str, status: int) -> None:
    front.define()
    assert front.ask(method, path, RULES if method == "POST" else None, key).status_code == status


def test_a_request_without_a_key_learns_nothing(front: Front) -> None:
    assert front.client.get("/campaigns/year-end").status_code == 401
    assert front.client.post("/nowhere", content=b"{").status_code == 401


def test_the_lambda_answers_requests_of_the_http_api(front: Front) -> None:
    front.define()
    event = {
        "version": "2.0",
        "rawPath": "/campaigns/year-end",
        "rawQueryString": "",
        "headers": {"authorization": "Bearer both", "host": "x"},
        "requestContext": {"http": {"method": "GET", "path": "/campaigns/year-end", "sourceIp": "127.0.0.1"}},
        "isBase64Encoded": False,
    }
    with lambda_thread() as worker:
        answer = worker.submit(front.handler, event, None).result()
    assert (answer["statusCode"], json.loads(answer["body"])["campaign"]["id"]) == (200, "year-end")
