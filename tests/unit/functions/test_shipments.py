"""PUT /shipments/{tracking_id} through the real application, and what the proactive function makes of the events it emits."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from functions.api.app import make_app
from functions.api.shipments import ShipmentDesk
from functions.api.wiring import Api
from functions.proactive.app import make_handler
from functions.proactive.messenger import Messenger, Reach
from functions.proactive.wiring import shipments_of
from pokea.adapters.observability import Log
from pokea.backends import Backend
from pokea.calls import Call, Direction
from pokea.clock import ManualClock
from pokea.consent import SUPPRESSION, Suppression, number_digest
from pokea.delivery_calls import DELIVERY_CALL, CallOutcome, DeliveryCall, attempt_key
from pokea.errors import Unauthorized, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.lines import PACKAGED
from pokea.phone_numbers import E164
from pokea.profile import Profile, load_profiles
from pokea.sautikit.labels import attempt_session, label_of
from pokea.shipments import SHIPMENT, ShipmentStatus
from tests.fakes.memory_store import MemoryCallStore, MemoryStore
from tests.unit.adapters.test_http_backend import Replied, Wire, ok
from tests.unit.pokea.shipment_samples import COURIER, ID

ROOT = Path(__file__).resolve().parents[3]
NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday, 12 o'clock in Nairobi
PROFILES = load_profiles(PACKAGED)
RECIPIENT = "+254722000111"
KEYS = {
    "courier": (COURIER.business_id, "shipments:write"),
    "calls": (COURIER.business_id, "calls:write"),
    "clinic": (BusinessId("whitedent"), "shipments:write"),
}
FIRST = {"recipient": "Amina Otieno", "numbers": [RECIPIENT], "status": "in_depot"}
OUT = {**FIRST, "status": "out_for_delivery", "eta_at": "2026-11-23T12:40:00+03:00"}
_names = itertools.count()


class Grant:
    def __init__(self, business_id: BusinessId, scope: str) -> None:
        self.business_id, self.scopes = business_id, frozenset({scope})


class Keys:
    def find(self, key: str) -> Grant:
        if key not in KEYS:
            raise Unauthorized("bad_api_key")
        return Grant(*KEYS[key])


class Carrier:
    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def place_call(self, **wish: Any) -> Any:
        self.asked.append(wish)
        return type("Placed", (), {"call_id": None, "session_id": None})()


class _Open:
    """The application is made once; which depot it serves changes from test to test."""

    api: Any = None
    log = io.StringIO()

    def __init__(self) -> None:
        self.client = TestClient(make_app(lambda: self.api, Log("api-of-depots", self)), raise_server_exceptions=False)  # type: ignore[arg-type]

    def write(self, text: str) -> int:
        return self.log.write(text)

    def flush(self) -> None:
        """Nothing is held back."""


class Depot:
    """A courier's view: its API, the bus behind it, and the telephones that ring."""

    def __init__(self, profile: Profile = COURIER, *replies: Any) -> None:
        self.system = Wire(list(replies))
        self.profiles = {**PROFILES, profile.business_id: profile}
        self.store, self.calls, self.carrier = MemoryStore(), MemoryCallStore(), Carrier()
        self.clock = ManualClock(NOON)
        self.events: list[str] = []
        self.bus_is_down = False
        self.logged = io.StringIO()
        desk = ShipmentDesk(store=lambda: self.store, profiles=lambda: self.profiles, emit=self._emit, clock=self.clock)
        _open.api = Api(keys=Keys, shipments=desk, **_others())
        _open.log = self.logged
        messenger = Messenger(
            reach=lambda: Reach(self.calls, self.store, self.carrier),
            profiles=self.profiles,
            shipments=lambda profile, store: shipments_of(profile, store, lambda: self.system, lambda name: "value"),
            voice_callback_url=lambda: "https://api.example.com/voice/secret",
            clock=self.clock,
            log=self._log("proactive"),
        )
        self.proactive = make_handler(lambda: messenger, self._log("proactive"))

    def _log(self, service: str) -> Log:
        return Log(f"{service}-{next(_names)}", self.logged)

    def _emit(self, kind: str, detail: Mapping[str, str | int]) -> None:
        if self.bus_is_down:
            raise Unavailable("bus_unavailable")
        self.events.append(json.dumps({"detail-type": kind, "source": "pokea", "detail": dict(detail)}))

    def put(self, report: Any, tracking_id: str = ID, key: str = "courier") -> tuple[int, Any]:
        reply = _open.client.put(f"/shipments/{tracking_id}", json=report, headers={"authorization": f"Bearer {key}"})
        return reply.status_code, reply.json()

    def deliver(self, *bodies: str) -> list[str]:
        """The messages of one batch that failed."""
        records = [
            {"messageId": f"m{n}", "body": body, "eventSource": "aws:sqs", "attributes": {}, "receiptHandle": "r"}
            for n, body in enumerate(bodies)
        ]
        answer = self.proactive({"Records": records}, None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def outcome(self, tracking_id: str = ID) -> DeliveryCall | None:
        return self.store.record(DELIVERY_CALL, COURIER.business_id, tracking_id)

    def shipment(self) -> Any:
        return self.store.record(SHIPMENT, COURIER.business_id, ID)


def _others() -> dict[str, Any]:
    """Parts of the API that these tests have no use for."""
    return {part.name: None for part in fields(Api) if part.name not in ("keys", "shipments", "edge")}


_open = _Open()


@pytest.fixture
def depot() -> Iterator[Depot]:
    yield Depot()


# --- reports ------------------------------------------------------------------------------------------------------------------------


def test_a_first_report_makes_the_shipment(depot: Depot) -> None:
    status, reply = depot.put(
        {**FIRST, "address": "River Road 12", "window": "08:00-12:00", "deliver_on": "2026-11-24"}
    )
    assert (status, reply["status"], reply["version"]) == (200, "in_depot", 1)
    assert depot.shipment().numbers == (RECIPIENT,)
    assert depot.events == []


def test_the_same_report_again_changes_nothing(depot: Depot) -> None:
    assert depot.put(FIRST) == depot.put(FIRST)
    assert depot.shipment().version == 1


def test_what_a_report_leaves_out_stays(depot: Depot) -> None:
    depot.put({**FIRST, "address": "River Road 12"})
    depot.put({"status": "out_for_delivery"})
    assert (depot.shipment().address, depot.shipment().recipient) == ("River Road 12", "Amina Otieno")
    assert depot.shipment().status is ShipmentStatus.OUT_FOR_DELIVERY


def test_what_callers_have_said_survives_a_report(depot: Depot) -> None:
    depot.put({**FIRST, "address": "River Road 12"})
    depot.store.put(SHIPMENT.of(replace(depot.shipment(), address_confirmed=True, driver_notes=("ring twice",))))
    depot.put({"status": "out_for_delivery"})
    assert (depot.shipment().address_confirmed, depot.shipment().driver_notes) == (True, ("ring twice",))
    depot.put({"address": "Moi Avenue 5"})
    assert not depot.shipment().address_confirmed


def test_a_delivered_shipment_stays_delivered(depot: Depot) -> None:
    depot.put({**FIRST, "status": "delivered"})
    status, reply = depot.put({"status": "out_for_delivery"})
    assert (status, reply["error"]["code"]) == (409, "shipment_is_over")
    assert depot.events == []


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"status": "in_depot"}, "incomplete"),
        ({**FIRST, "numbers": ["0722000111"]}, "not_e164"),
        ({**FIRST, "numbers": []}, "bad_request"),
        ({**FIRST, "numbers": [RECIPIENT] * 6}, "bad_request"),
        ({**FIRST, "status": "lost"}, "bad_request"),
        ({**FIRST, "eta_at": "2026-11-23T12:40:00"}, "bad_request"),
        ({**FIRST, "window": "8 to 12"}, "bad_request"),
        ({**FIRST, "address": "a\nb"}, "bad_request"),
        ({**FIRST, "address": "x" * 201}, "bad_request"),
        ({**FIRST, "driver": "../x"}, "bad_request"),
        ({**FIRST, "driver_notes": ["x"]}, "bad_request"),
        ({**FIRST, "business_id": "whitedent"}, "bad_request"),
        ([], "bad_request"),
    ],
)
def test_a_malformed_report_is_refused_and_leaves_nothing(depot: Depot, report: Any, code: str) -> None:
    status, reply = depot.put(report)
    assert (status, reply["error"]["code"]) == (400, code)
    assert depot.shipment() is None


@pytest.mark.parametrize("tracking_id", ["KL4700", "KL470", "KL47066", "KL-4706", "KL470%C2%B2"])
def test_an_id_that_no_caller_could_say_is_refused(depot: Depot, tracking_id: str) -> None:
    assert depot.put(FIRST, tracking_id)[0] == 400


def test_ids_are_kept_in_upper_case(depot: Depot) -> None:
    assert depot.put(FIRST, ID.lower())[1]["tracking_id"] == ID


def test_who_may_report(depot: Depot) -> None:
    assert depot.put(FIRST, key="nobody")[0] == 401
    assert depot.put(FIRST, key="calls")[0] == 403
    assert depot.put(FIRST, key="clinic")[0] == 404  # a business without deliveries
    assert depot.shipment() is None


def test_a_bus_that_is_down_is_asked_for_again(depot: Depot) -> None:
    depot.bus_is_down = True
    assert depot.put(OUT)[0] == 503
    depot.bus_is_down = False
    assert depot.put(OUT)[0] == 200
    assert len(depot.events) == 1
    assert depot.shipment().version == 1


# --- calls ----------------------------------------------------------------------------------------------------------------------------


def test_a_parcel_that_goes_out_rings_its_recipient_once(depot: Depot) -> None:
    depot.put(OUT)
    depot.put({"eta_at": "2026-11-23T12:50:00+03:00"})
    assert len(depot.events) == 2
    assert depot.deliver(*depot.events, *depot.events) == []
    (asked,) = depot.carrier.asked
    assert (asked["from_number"], asked["to_number"]) == (COURIER.line.number, RECIPIENT)
    assert asked["voice_callback_url"] == "https://api.example.com/voice/secret"
    attempt = depot.calls.call(attempt_session(label_of(COURIER.business_id, attempt_key(ID, 0))))
    assert isinstance(attempt, Call)
    assert (attempt.agent, attempt.direction, json.loads(attempt.open_metadata)) == (
        "dispatch", Direction.OUTBOUND, {"shipment": ID},
    )  # fmt: skip
    outcome = depot.outcome()
    assert outcome is not None
    assert (outcome.outcome, outcome.client_request_id) == (CallOutcome.PLACED, attempt.client_request_id)


def test_the_example_event_rings_the_recipient(depot: Depot) -> None:
    depot.put(OUT)
    example = json.loads((ROOT / "events/deliveries.json").read_text(encoding="utf-8"))
    assert depot.proactive(example, None) == {"batchItemFailures": []}
    assert len(depot.carrier.asked) == 1


def test_what_is_put_on_the_bus_names_nobody(depot: Depot) -> None:
    depot.put({**OUT, "address": "River Road 12"})
    assert json.loads(depot.events[0])["detail"] == {"business": COURIER.business_id, "shipment": ID}


def test_nobody_is_rung_at_night_and_the_reason_is_kept(depot: Depot) -> None:
    depot.clock.advance(10 * 3_600)  # ten in the evening
    depot.put(OUT)
    assert depot.deliver(*depot.events) == []
    outcome = depot.outcome()
    assert outcome is not None
    assert (outcome.outcome, outcome.reason) == (CallOutcome.SKIPPED, "outside_hours")
    depot.clock.advance(12 * 3_600)
    assert depot.deliver(*depot.events) == []
    assert len(depot.carrier.asked) == 1


def test_who_asked_not_to_be_called_is_not_rung(depot: Depot) -> None:
    digest = number_digest(COURIER.business_id, E164(RECIPIENT))
    wish = Suppression(business_id=COURIER.business_id, digest=digest, session_id=SessionId("HD_1"), asked_at=NOON)
    depot.store.put(SUPPRESSION.of(wish))
    depot.put(OUT)
    depot.deliver(*depot.events)
    outcome = depot.outcome()
    assert outcome is not None and outcome.reason == "suppressed"
    assert depot.carrier.asked == []


@pytest.mark.parametrize("number", ["+252612345678", COURIER.line.number, "+254900123456", "+881612345678"])
def test_no_expensive_foreign_or_own_number_is_rung(depot: Depot, number: str) -> None:
    depot.put({**OUT, "numbers": [number]})
    assert depot.deliver(*depot.events) == []
    assert depot.carrier.asked == []


def test_a_parcel_delivered_meanwhile_rings_nobody(depot: Depot) -> None:
    depot.put(OUT)
    depot.put({"status": "delivered"})
    depot.deliver(*depot.events)
    outcome = depot.outcome()
    assert outcome is not None and outcome.reason == "not_out"
    assert depot.carrier.asked == []


def test_a_parcel_that_its_recipient_has_put_off_rings_nobody(depot: Depot) -> None:
    depot.put({**OUT, "deliver_on": "2026-11-25"})
    depot.deliver(*depot.events)
    outcome = depot.outcome()
    assert outcome is not None and outcome.reason == "not_out"
    depot.put({"deliver_on": "2026-11-23"})
    depot.deliver(*depot.events)
    assert len(depot.carrier.asked) == 1


def test_a_business_may_do_without_such_calls() -> None:
    assert COURIER.dispatch is not None
    depot = Depot(replace(COURIER, dispatch=replace(COURIER.dispatch, calls_ahead=False)))
    depot.put(OUT)
    depot.deliver(*depot.events)
    assert depot.carrier.asked == []


def test_a_message_that_is_no_event_fails_alone(depot: Depot) -> None:
    depot.put(OUT)
    foreign = json.dumps({"detail-type": "ShipmentOutForDelivery", "detail": {"business": "nobody", "shipment": ID}})
    assert depot.deliver("not json", depot.events[0], "{}", foreign, '{"detail-type": 1, "detail": []}') == [
        "m0",
        "m2",
        "m3",
        "m4",
    ]
    assert len(depot.carrier.asked) == 1


def test_no_number_name_or_address_is_logged(depot: Depot) -> None:
    depot.put({**OUT, "address": "River Road 12"})
    depot.deliver(*depot.events, "not json")
    assert not any(word in depot.logged.getvalue() for word in ("Amina", "River", RECIPIENT, RECIPIENT[4:]))
    assert "unclassified" not in depot.logged.getvalue()


def test_the_eta_is_kept_in_utc(depot: Depot) -> None:
    depot.put(OUT)
    assert depot.shipment().eta_at == NOON + timedelta(minutes=40)


ELSEWHERE = replace(
    COURIER, backends={"shipments": Backend(base_url="https://parcels.example.com", paths={"find": "/s/{tracking_id}"})}
)
THEIRS = {"tracking_id": ID, "recipient": "Amina Otieno", "numbers": [RECIPIENT], "status": "out_for_delivery"}


def test_a_courier_with_a_system_of_its_own_has_its_recipients_rung_and_nothing_kept_here() -> None:
    depot = Depot(ELSEWHERE, ok(THEIRS))
    status, state = depot.put({"status": "out_for_delivery"})
    assert (status, state["status"], state["version"]) == (200, "out_for_delivery", 0)
    assert depot.shipment() is None
    assert depot.deliver(*depot.events) == []
    assert [wish["to_number"] for wish in depot.carrier.asked] == [RECIPIENT]
    assert depot.outcome().outcome is CallOutcome.PLACED  # type: ignore[union-attr]
    assert depot.system.sent[0].url == f"https://parcels.example.com/s/{ID}"


def test_what_that_system_says_decides_and_while_it_says_nothing_the_event_comes_again() -> None:
    depot = Depot(ELSEWHERE, Replied(403), ok({**THEIRS, "status": "delivered"}))
    depot.put({"status": "out_for_delivery"})
    assert depot.deliver(*depot.events) == ["m0"]
    assert depot.outcome() is None
    assert depot.deliver(*depot.events) == []
    assert (depot.carrier.asked, depot.outcome().outcome) == ([], CallOutcome.SKIPPED)  # type: ignore[union-attr]


def test_a_report_that_is_passed_on_is_looked_at_first() -> None:
    depot = Depot(ELSEWHERE)
    for report in ({}, {"status": "lost"}, {"status": "out_for_delivery", "numbers": ["12"]}):
        assert depot.put(report)[0] == 400
    assert depot.put({"status": "in_depot"})[0] == 200
    assert depot.events == []
