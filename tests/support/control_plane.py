"""The control plane's real handlers around stores in memory, on a clock that stands still, and the events that API Gateway would send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from functions.records import app as records_app
from functions.records.secretary import RulesOnly, Secretary, Shelves, Summariser
from functions.stream_status import app as stream_status_app
from functions.stream_status.desk import Books, EventDesk
from functions.tools import app as tools_app
from functions.tools.operations import Operations, Outside, Stores
from functions.tools.wiring import Tools
from functions.voice import app as voice_app
from functions.voice.door import Counter, Doorkeeper, Usher
from functions.voice.reception import Addresses, CarrierWays, Reception
from pokea.accounts import AccountBook
from pokea.adapters.control_settings import HookSettings, hook_url
from pokea.adapters.deadline import Deadline
from pokea.adapters.exchange import Reach, exchange_of
from pokea.adapters.hook_gate import HookGate
from pokea.adapters.observability import Log
from pokea.adapters.public_http import PublicHttp, Reply
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import load
from pokea.adapters.tokens import TokenSigner
from pokea.adapters.tracing import Traces
from pokea.clock import ManualClock
from pokea.desk.own_accounts import OwnAccounts
from pokea.ids import BusinessId, SessionId
from pokea.lines import PACKAGED, Line, load_lines
from pokea.phone_numbers import E164
from pokea.ports import CallStore
from pokea.profile import Profile, load_profiles
from pokea.sautikit.callbacks import CallbackTask
from pokea.sautikit.closings import Closing
from pokea.sautikit.register import CallRegister
from pokea.shipments import ShipmentBook
from pokea.stored_shipments import StoredShipments
from pokea.transfer import Exchange
from tests.fakes.memory_door import MemoryRings, MemorySeats
from tests.fakes.memory_store import MemoryCallStore, MemoryStore

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PATH_SECRET = "path-secret-of-the-desk"
SIGNING_SECRET = "whsec_signing_secret_of_the_desk"
TOKEN_KEY = "a-token-key-of-at-least-thirty-two-characters"
SESSION = SessionId("HD_0a1b2c3d4e5f")
CALLER = "+254700000001"
LINES = load_lines(PACKAGED)
LINE = next(line for line in LINES.values() if line.business_id == "whitedent")
PROFILES = load_profiles(PACKAGED)
Event = dict[str, Any]
_names = itertools.count()


class MemoryCallbackTasks:
    def __init__(self) -> None:
        self.tasks: dict[SessionId, CallbackTask] = {}

    def add(self, task: CallbackTask) -> bool:
        return self.tasks.setdefault(task.session_id, task) is task

    def of_business(self, business_id: BusinessId) -> tuple[CallbackTask, ...]:
        return tuple(task for task in self.tasks.values() if task.business_id == business_id)

    def done(self, business_id: BusinessId, session_id: SessionId, at: datetime) -> bool:
        task = self.tasks.get(session_id)
        if task is None or task.business_id != business_id:
            return False
        self.tasks[session_id] = replace(task, done_at=task.done_at or at)
        return True


class MemoryClosings:
    def __init__(self) -> None:
        self.closings: dict[SessionId, Closing] = {}

    def add(self, closing: Closing) -> bool:
        return self.closings.setdefault(closing.session_id, closing) is closing

    def closing(self, session_id: SessionId) -> Closing | None:
        return self.closings.get(session_id)


class CountingCallStore(MemoryCallStore):
    """Counts what reached it, so that a test can see that nothing did."""

    def __init__(self) -> None:
        super().__init__()
        self.touched = 0

    def create_call(self, call: Any) -> Any:
        self.touched += 1
        return super().create_call(call)

    def put_call(self, call: Any) -> Any:
        self.touched += 1
        return super().put_call(call)

    def first_sight(self, session_id: SessionId, event_id: str, at: datetime) -> bool:
        self.touched += 1
        return super().first_sight(session_id, event_id, at)


class NotifiedHttp(PublicHttp):
    """Keeps what people's own systems would have been told."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        self.sent.append((url, content or b""))
        return Reply(200, {}, b"", url)


@dataclass
class ControlPlane:
    """Three functions over one store. `environ` overrides the settings; `calls` may be a store that misbehaves."""

    calls: CallStore = field(default_factory=CountingCallStore)
    environ: Mapping[str, str] = field(default_factory=dict)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    voice_deadline_s: float = 1.2
    continues: bool = False  # the carrier goes on after a stream
    profiles: Mapping[BusinessId, Profile] = field(default_factory=lambda: PROFILES)
    numbers: Mapping[E164, Line] = field(default_factory=lambda: LINES)
    has_door: bool = False  # who rings is counted and needs a seat
    traces: Callable[[str], Traces] = lambda service: Traces()

    def __post_init__(self) -> None:
        self.logged = io.StringIO()
        self.bookings = MemoryStore()
        self.callbacks = MemoryCallbackTasks()
        self.closings = MemoryClosings()
        self.seats, self.rings = MemorySeats(), MemoryRings()
        self.signer = TokenSigner(TOKEN_KEY)
        self.ended: list[str] = []  # messages about ended calls
        self.delayed: list[tuple[str, int]] = []  # those to be heard after so many seconds
        self.asked: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []
        carrier = Carrier(
            CarrierSettings("key", "https://carrier.test"), httpx.MockTransport(self._carrier), pause=lambda _: None
        )
        self.notified = NotifiedHttp()
        self.reach = Reach(
            calls=lambda: self.calls,
            telephony=lambda: carrier,
            voice_callback_url=lambda: f"https://api.example.com/voice/{PATH_SECRET}",
            own_numbers=frozenset(LINES),
            continues=self.continues,
            http=lambda: self.notified,
        )
        settings = load(HookSettings, {"POKEA_CORE_TABLE": "core", **self.environ})
        self.secrets = Secrets({"POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET, **self.environ})
        self.gate = self.make_gate(settings)
        self.register = self.make_register()
        self._deadline, self._patience = self.make_deadline(), Deadline(30)
        self._status_url = lambda: hook_url(settings, self.secrets, "https://api.example.com", "/stream-status")
        reception, desk, tools = self.reception(), self.desk(), self.tools_parts()
        self.voice = voice_app.make_handler(lambda: reception, self._log("voice"))
        self.events = stream_status_app.make_handler(lambda: desk, self._log("stream_status"))
        self.tools = tools_app.make_handler(lambda: tools, self._log("tools"))
        self.records = self.records_of(self.secretary())

    def make_gate(self, settings: HookSettings) -> HookGate:
        return HookGate(settings, self.secrets)

    def make_register(self) -> CallRegister:
        return CallRegister(self.calls, self.numbers, self.make_keeper().admit if self.has_door else None)

    def make_keeper(self) -> Doorkeeper:
        """One environment's: what it knows of the boards is its own."""
        counter = Counter(self.rings, self.callbacks)
        self.keeper = Doorkeeper(Usher(self.seats, "r1"), counter, self._log("voice"), is_capped=True)
        return self.keeper

    def make_deadline(self) -> Deadline:
        return Deadline(self.voice_deadline_s)

    def make_operations(self, **parts: Any) -> Operations:
        return Operations(**parts)

    def reception(self) -> Reception:
        return Reception(
            gate=self.gate,
            register=lambda: self.register,
            lines=self.numbers,
            signer=lambda: self.signer,
            addresses=Addresses("wss://media.example.com", "r1", 60, self._status_url),
            clock=self.clock,
            log=self._log("voice"),
            deadline=self._deadline,
            ways=CarrierWays(self.continues),
            ended=self._ended,
            note=lambda call, now: self.keeper.note(call, now),
            traces=self.traces("voice"),
        )

    def desk(self) -> EventDesk:
        books = Books(self.calls, self.register, self.callbacks, self._ended)
        log, traces = self._log("stream_status"), self.traces("stream-status")
        return EventDesk(gate=self.gate, books=lambda: books, clock=self.clock, log=log, traces=traces)

    def tools_parts(self) -> Tools:
        ids = itertools.count(1)
        operations = self.make_operations(
            outside=lambda profile: Outside(*self.make_books(profile), self.make_exchange(profile)),
            stores=lambda: Stores(self.calls, self.bookings, self.closings, self.callbacks, self._ended, self.seats),
            profiles=self.profiles,
            signer=lambda: self.signer,
            new_id=lambda: f"id{next(ids)}",
            max_call_s=900,
            max_joined_s=3_600,
            public_url="https://api.example.com",
        )
        return Tools(operations, self.clock, self._patience, self.traces("tools"))

    def make_books(self, profile: Profile) -> tuple[AccountBook, ShipmentBook]:
        business = profile.business_id
        return OwnAccounts(business, self.bookings), StoredShipments(self.bookings, business)

    def make_exchange(self, profile: Profile) -> Exchange:
        return exchange_of(self.reach, profile)

    def _carrier(self, request: httpx.Request) -> httpx.Response:
        """The carrier's REST side: `answers` first, then it accepts whatever it is asked for."""
        self.asked.append(request)
        answer: httpx.Response | Exception | None = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        ids = {"call_id": f"c{len(self.asked)}", "session_id": f"HD_{len(self.asked):012x}"}
        return answer or httpx.Response(201 if request.url.path.endswith("/calls") else 200, json=ids)

    @property
    def rung(self) -> list[dict[str, Any]]:
        """Every call that the carrier was asked to place."""
        return [json.loads(request.content) for request in self.asked if request.url.path.endswith("/calls")]

    def _ended(self, session_id: SessionId, business_id: BusinessId, delay_s: int) -> None:
        message = json.dumps({"version": 1, "call": session_id, "business": business_id})
        if delay_s:
            self.delayed.append((message, delay_s))
        else:
            self.ended.append(message)

    def secretary(self, summariser: Summariser | None = None) -> Secretary:
        return Secretary(
            shelves=lambda: Shelves(self.calls, self.closings, self.bookings, self.callbacks),
            profiles=self.profiles,
            summariser=lambda: summariser or RulesOnly(),
            clock=self.clock,
            log=self._log("records"),
            traces=self.traces("records"),
        )

    def records_of(self, secretary: Secretary) -> records_app.Handler:
        return records_app.make_handler(lambda: secretary, self._log("records"))

    def write_records(self, *bodies: str) -> list[str]:
        """Have functions/records take these messages, or those that the tools sent; returns the bodies that it wants back."""
        messages = {f"m{index}": body for index, body in enumerate(bodies or self.ended)}
        answer = self.records(queue_batch(messages), None)
        return [messages[failure["itemIdentifier"]] for failure in answer["batchItemFailures"]]

    def ring(self, state: str = "Ringing", **fields: str) -> str:
        """Post a hook to /voice and give back the document. Fails unless it was answered with 200."""
        reply = self.voice(posted("/voice", form(state, **fields)), None)
        assert reply["statusCode"] == 200, reply
        return str(reply["body"])

    def _log(self, service: str) -> Log:
        return Log(f"{service}-{next(_names)}", self.logged)  # Powertools keeps one output per name


def form(state: str, **fields: str) -> dict[str, str]:
    """The switch's own form, with its live field names."""
    return {
        "sessionId": SESSION,
        "callerNumber": CALLER,
        "destinationNumber": LINE.number,
        "callSessionState": state,
        "direction": "Inbound",
        "isActive": "0" if state == "Completed" else "1",
        **fields,
    }


def posted(
    path: str,
    fields: Mapping[str, Any] | bytes,
    *,
    secret: str | None = PATH_SECRET,
    content_type: str = "application/x-www-form-urlencoded",
    headers: Mapping[str, str] | None = None,
    query: str = "",
) -> Event:
    """The HTTP API v2 event of a POST: forms and bytes in base64, JSON as text."""
    body = fields if isinstance(fields, bytes) else encoded(fields, content_type)
    full = path if secret is None else f"{path.rstrip('/')}/{secret}"
    is_text = content_type.startswith(("application/json", "text/"))
    event: Event = {
        "version": "2.0",
        "routeKey": f"POST {path}",
        "rawPath": full,
        "rawQueryString": query,
        "headers": {"content-type": content_type, "user-agent": "Sautikit-VoiceProxy", **(headers or {})},
        "requestContext": {"http": {"method": "POST", "path": full}, "stage": "$default", "requestId": "r"},
        "body": body.decode() if is_text else base64.b64encode(body).decode(),
        "isBase64Encoded": not is_text,
    }
    if query:
        event["queryStringParameters"] = dict(pair.split("=") for pair in query.split("&"))
    return event


def encoded(fields: Mapping[str, Any], content_type: str) -> bytes:
    return json.dumps(fields).encode() if "json" in content_type else urlencode(fields).encode()


def carrier_signature(body: bytes, secret: str = SIGNING_SECRET, at: datetime = NOW) -> dict[str, str]:
    """The header that the carrier's documentation prescribes, worked out here on its own."""
    t = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), body + b"." + t.encode(), hashlib.sha256).hexdigest()
    return {"x-sautikit-signature": f"t={t},v1={digest}"}


def opened(plane: ControlPlane, document: str, session_id: SessionId = SESSION, **more: str) -> dict[str, Any]:
    """What the tools answer when a bridge opens the stream that `document` invites to."""
    token = token_in(document)
    request = {"operation": "open", "session_id": session_id, "token": token, "bridge": "b1", **more}
    return dict(plane.tools(request, None))


def token_in(document: str) -> str:
    return document.partition("token=")[2].partition('"')[0]


def queue_batch(messages: Mapping[str, str], receives: int = 1) -> Event:
    """The event of an SQS event source: bodies by message id."""
    return {"Records": [_message(message_id, body, receives) for message_id, body in messages.items()]}


def _message(message_id: str, body: str, receives: int) -> Event:
    attributes = {"ApproximateReceiveCount": str(receives), "SentTimestamp": "1700000000000"}
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt-{message_id}",
        "body": body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:pokea-ended",
        "awsRegion": "eu-west-1",
    }
