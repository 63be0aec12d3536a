"""functions/api: POST /calls through Mangum, from HTTP API v2 events, with the carrier at the other end of httpx."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from mangum import Mangum

from functions.api.accounts import AccountDesk
from functions.api.app import make_app
from functions.api.calendar import CalendarDesk
from functions.api.calls import CallDesk, Exchange
from functions.api.cards import CardDesk
from functions.api.reports import ReportDesk
from functions.api.shipments import ShipmentDesk
from functions.api.tasks import TaskDesk
from functions.api.wiring import Api
from pokea import agents
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.calls import CallStatus, Direction
from pokea.campaigns.briefing import briefed_of
from pokea.consent import SUPPRESSION, Suppression, number_digest
from pokea.errors import Unauthorized
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.sautikit.labels import attempt_session
from tests.support.control_plane import CALLER, LINE, LINES, PROFILES, SESSION, ControlPlane, form, posted
from tests.support.lambda_thread import lambda_thread

KEY, WEAK_KEY = "pokea.whitedent.strong", "pokea.whitedent.weak"
CALLBACK = "https://api.example.com/voice/secret"
_names = itertools.count()
_LEADS = PROFILES[BusinessId("mizani")].leads
assert _LEADS is not None
_SELLING = replace(PROFILES[LINE.business_id], leads=replace(_LEADS, transfer=""))


@dataclass(frozen=True)
class MemoryGrant:
    business_id: BusinessId
    scopes: frozenset[str]


class MemoryKeys:
    def find(self, key: str) -> MemoryGrant:
        grants = {KEY: frozenset({"calls:write"}), WEAK_KEY: frozenset({"calls:read"})}
        if key not in grants:
            raise Unauthorized("bad_api_key", "the API key is not known")
        return MemoryGrant(LINE.business_id, grants[key])


class Office:
    """A business's view: its API, and the hooks that its calls cause."""

    def __init__(self, worker: ThreadPoolExecutor) -> None:
        self._worker = worker
        self.plane = ControlPlane()
        self.answers: list[httpx.Response | Exception] = []
        self.asked: list[httpx.Request] = []
        self.logged = io.StringIO()
        carrier = Carrier(CarrierSettings("k", "https://carrier.test"), httpx.MockTransport(self._carrier))
        desk = CallDesk(
            exchange=lambda: Exchange(self.plane.calls, carrier, self.plane.bookings),
            lines=LINES,
            profiles=lambda: {**PROFILES, LINE.business_id: _SELLING},
            voice_callback_url=lambda: CALLBACK,
            clock=self.plane.clock,
        )
        api = Api(
            keys=MemoryKeys,
            calls=desk,
            calendar=self._calendar(),
            shipments=self._shipments(),
            cards=self._cards(),
            tasks=self._tasks(),
            accounts=AccountDesk(store=lambda: self.plane.bookings, profiles=lambda: PROFILES, clock=self.plane.clock),
            reports=self._reports(),
        )
        app = make_app(lambda: api, Log(f"api-{next(_names)}", self.logged))
        self.handler = worker.submit(Mangum, app, "off").result()

    def _reports(self) -> ReportDesk:
        nobody: Any = None
        return ReportDesk(shelf=lambda: nobody, ask=nobody, profiles=lambda: PROFILES, clock=self.plane.clock)

    def _cards(self) -> CardDesk:
        plane = self.plane
        return CardDesk(
            store=lambda: plane.bookings, profiles=lambda: PROFILES, signer=lambda: plane.signer, clock=plane.clock
        )

    def _tasks(self) -> TaskDesk:
        plane = self.plane
        return TaskDesk(
            store=lambda: plane.bookings,
            callbacks=lambda: plane.callbacks,
            profiles=lambda: PROFILES,
            clock=plane.clock,
        )

    def _shipments(self) -> ShipmentDesk:
        def nothing(*_: Any) -> Any:
            raise AssertionError("not asked for in these tests")

        return ShipmentDesk(store=nothing, profiles=nothing, emit=nothing, clock=self.plane.clock)

    def _calendar(self) -> CalendarDesk:
        def nothing() -> Any:
            raise AssertionError("not asked for in these tests")

        return CalendarDesk(
            store=nothing,
            profiles=nothing,
            signer=nothing,
            public_url="https://api.example.com",
            clock=self.plane.clock,
        )

    def _carrier(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = (
            self.answers.pop(0) if self.answers else httpx.Response(201, json={"call_id": "u1", "session_id": "HD_9"})
        )
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post(
        self, body: Any, *, key: str | None = KEY, idempotency_key: str = "", path: str = "/calls"
    ) -> tuple[int, Any]:
        headers = {"host": "api.example.com"}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        if idempotency_key:
            headers["idempotency-key"] = idempotency_key
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        event = posted(path, raw, secret=None, content_type="application/json", headers=headers)
        event["requestContext"]["http"] |= {"sourceIp": "127.0.0.1", "protocol": "HTTP/1.1", "userAgent": ""}
        reply = self._worker.submit(self.handler, event, None).result()
        return reply["statusCode"], json.loads(reply["body"])


@pytest.fixture
def office() -> Iterator[Office]:
    with lambda_thread() as worker:
        yield Office(worker)


def test_a_call_is_placed_and_accepted_with_its_ids(office: Office) -> None:
    status, reply = office.post({"to": CALLER, "context": {"order": 7}})
    assert (status, reply["session_id"], reply["call_id"], reply["status"]) == (202, "HD_9", "u1", "ringing")
    sent = json.loads(office.asked[0].content)
    assert (sent["from"], sent["to"], sent["voice_callback_url"]) == (LINE.number, [CALLER], CALLBACK)
    assert sent["client_request_id"] == reply["request_id"]
    assert office.asked[0].headers["idempotency-key"] == reply["request_id"]


def test_the_attempt_is_stored_before_the_carrier_hears_of_it(office: Office) -> None:
    office.answers = [httpx.ReadTimeout("15 s")]
    status, reply = office.post({"to": CALLER})
    assert (status, reply["status"], reply["session_id"]) == (202, "unknown", None)
    attempt = office.plane.calls.call(attempt_session(reply["request_id"]))
    assert attempt is not None
    assert (attempt.b_number, attempt.direction) == (CALLER, Direction.OUTBOUND)


def test_the_same_key_rings_once_and_answers_the_same(office: Office) -> None:
    first = office.post({"to": CALLER}, idempotency_key="order-7")
    assert office.post({"to": CALLER}, idempotency_key="order-7") == first
    assert len(office.asked) == 1


def test_a_number_that_asked_not_to_be_called_is_called_by_no_agent(office: Office) -> None:
    to = E164(CALLER)
    asked = Suppression(
        business_id=LINE.business_id,
        digest=number_digest(LINE.business_id, to),
        session_id=SessionId("HD_1"),
        asked_at=office.plane.clock.now(),
    )
    office.plane.bookings.put(SUPPRESSION.of(asked))
    for agent in agents.NAMES:
        status, reply = office.post({"to": CALLER, "agent": agent})
        assert (status, reply["error"]["code"], office.asked) == (403, "suppressed", [])
    assert CALLER not in office.logged.getvalue()
    assert office.post({"to": "+254733000222", "agent": "leads"})[0] == 202


def test_an_agent_that_the_business_is_not_set_up_for_rings_nobody(office: Office) -> None:
    for agent in ("dispatch", "support", "receptionist"):
        status, reply = office.post({"to": CALLER, "agent": agent})
        assert (status, reply["error"]["code"], office.asked) == (400, "agent_not_set_up", [])


def test_nobody_but_a_campaign_says_that_a_call_is_one_of_its(office: Office) -> None:
    """Whose voicemail is left and who is put through is read from an object of this name; a context of the API holds none."""
    status, _ = office.post({"to": CALLER, "context": {"campaign": {"id": "spring", "reps": 99}}})
    assert (status, office.asked) == (400, [])
    assert briefed_of({"campaign": "a tag of the business's own"}) is None
    assert office.post({"to": CALLER, "context": {"campaign": "a tag of the business's own"}})[0] == 202


def test_an_unknown_outcome_is_never_asked_for_again(office: Office) -> None:
    office.answers = [httpx.ReadTimeout("15 s")]
    for _ in range(3):
        assert office.post({"to": CALLER}, idempotency_key="order-7")[1]["status"] == "unknown"
    assert len(office.asked) == 1


def test_the_same_key_for_another_wish_is_refused(office: Office) -> None:
    office.post({"to": CALLER}, idempotency_key="order-7")
    status, reply = office.post({"to": "+254700000002"}, idempotency_key="order-7")
    assert (status, reply["error"]["code"]) == (409, "idempotency_key_reused")


def test_without_a_key_every_request_is_a_wish_of_its_own(office: Office) -> None:
    one, other = office.post({"to": CALLER})[1], office.post({"to": CALLER})[1]
    assert one["request_id"] != other["request_id"]
    assert len(office.asked) == 2


def test_a_refused_call_is_failed_and_stays_so(office: Office) -> None:
    office.answers = [httpx.Response(402, json={"error": {"code": "wallet.insufficient_funds"}})]
    status, reply = office.post({"to": CALLER}, idempotency_key="order-7")
    assert (status, reply["error"]["code"]) == (403, "wallet.insufficient_funds")
    status, reply = office.post({"to": CALLER}, idempotency_key="order-7")
    assert (status, reply["error"]["code"]) == (403, "call_refused")
    assert len(office.asked) == 1


def test_a_busy_carrier_says_when_to_come_back(office: Office) -> None:
    office.answers = [httpx.Response(429, json={}, headers={"retry-after": "7"})]
    status, reply = office.post({"to": CALLER})
    assert (status, reply["error"]["code"]) == (503, "carrier_http_429")


def test_the_hook_of_an_outbound_call_finds_its_attempt_by_label(office: Office) -> None:
    label = office.post({"to": CALLER, "context": {"order": 7}})[1]["request_id"]
    fields = form("Ringing", callerNumber=LINE.number, destinationNumber=CALLER, direction="Outbound", sessionId="HD_9")
    for query in ("", f"clientRequestId={label}"):
        extra = {} if query else {"clientRequestId": label}
        event = posted("/voice", {**fields, **extra}, query=query)
        assert "<Stream" in office.plane.voice(event, None)["body"]
    call = office.plane.calls.call(SessionId("HD_9"))
    assert call is not None
    assert (call.direction, call.a_number, call.b_number) == (Direction.OUTBOUND, LINE.number, CALLER)
    assert (call.client_request_id, call.open_metadata, call.status) == (label, '{"order":7}', CallStatus.RINGING)


def test_the_hook_may_come_before_the_carriers_answer(office: Office) -> None:
    office.answers = [httpx.ReadTimeout("15 s")]
    label = office.post({"to": CALLER})[1]["request_id"]
    fields = form("Answered", callerNumber=LINE.number, destinationNumber=CALLER, clientRequestId=label)
    assert "<Stream" in office.plane.voice(posted("/voice", fields), None)["body"]
    attempt = office.plane.calls.call(attempt_session(label))
    assert attempt is not None
    assert attempt.placed_as == SESSION


@pytest.mark.parametrize(
    "body",
    [
        b"{", {}, {"to": 7}, {"to": "0712345678"}, {"to": CALLER, "price": 0}, {"to": CALLER, "from": "12"},
        {"to": CALLER, "agent": "nobody"}, {"to": LINE.number}, {"to": CALLER, "context": {"a": []}},
        {"to": CALLER, "context": {"a": "x" * 5_000}},
    ],
)  # fmt: skip
def test_a_malformed_request_is_refused_and_rings_nobody(office: Office, body: Any) -> None:
    status, reply = office.post(body)
    assert status == 400
    assert set(reply["error"]) == {"code", "message"}
    assert office.asked == []


def test_somebody_elses_line_is_refused(office: Office) -> None:
    assert office.post({"to": CALLER, "from": "+254711999999"})[0] == 403
    assert office.asked == []


@pytest.mark.parametrize("key", [None, "", "nonsense", KEY + "x", KEY[:-1]])
@pytest.mark.parametrize("body", [{"to": CALLER}, b"{", b""])
def test_without_a_known_key_nothing_is_learnt_and_nobody_is_rung(office: Office, key: str | None, body: Any) -> None:
    status, reply = office.post(body, key=key)
    assert status == 401
    assert reply["error"]["code"] in ("no_api_key", "bad_api_key")
    assert office.asked == []


def test_a_key_without_the_scope_is_denied(office: Office) -> None:
    status, reply = office.post({"to": CALLER}, key=WEAK_KEY)
    assert (status, reply["error"]["code"]) == (403, "scope_missing")


def test_a_long_idempotency_key_is_refused(office: Office) -> None:
    assert office.post({"to": CALLER}, idempotency_key="x" * 201)[0] == 400


def test_neither_the_key_nor_the_number_is_logged(office: Office) -> None:
    office.post({"to": CALLER, "context": {"name": "Amina"}})
    office.post({"to": "bad"})
    logged = office.logged.getvalue()
    assert logged
    assert all(secret not in logged for secret in (KEY, CALLER, CALLER[1:], "Amina"))


def test_the_agent_that_briefs_people_is_not_to_be_had(office: Office) -> None:
    status, reply = office.post({"to": CALLER, "agent": "whisper", "context": {"handoff": "0" * 24}})
    assert (status, reply["error"]["code"]) == (400, "no_such_agent")
    assert "whisper" not in reply["error"]["message"]
