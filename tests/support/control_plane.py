"""The control plane's real handlers around stores in memory, on a clock that stands still, and the events that API Gateway would send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from functions.stream_status import app as stream_status_app
from functions.stream_status.desk import Books, EventDesk
from functions.tools import app as tools_app
from functions.tools.operations import Operations, Outside, Stores
from functions.tools.wiring import Tools
from functions.voice import app as voice_app
from functions.voice.reception import Addresses, Reception
from pokea.adapters.control_settings import HookSettings, hook_url
from pokea.adapters.deadline import Deadline
from pokea.adapters.hook_gate import HookGate
from pokea.adapters.observability import Log
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import load
from pokea.adapters.tokens import TokenSigner
from pokea.clock import ManualClock
from pokea.ids import SessionId
from pokea.lines import PACKAGED, load_lines
from pokea.ports import CallStore
from pokea.profile import load_profiles
from pokea.sautikit.callbacks import CallbackTask
from pokea.sautikit.closings import Closing
from pokea.sautikit.register import CallRegister
from tests.fakes.books import books
from tests.fakes.memory_store import MemoryCallStore, MemoryStore

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PATH_SECRET = "path-secret-of-the-desk"
SIGNING_SECRET = "whsec_signing_secret_of_the_desk"
TOKEN_KEY = "a-token-key-of-at-least-thirty-two-characters"
SESSION = SessionId("HD_0a1b2c3d4e5f")
CALLER = "+254700000001"
LINES = load_lines(PACKAGED)
LINE = next(iter(LINES.values()))
PROFILES = load_profiles(PACKAGED)
Event = dict[str, Any]
_names = itertools.count()


class MemoryCallbackTasks:
    def __init__(self) -> None:
        self.tasks: dict[SessionId, CallbackTask] = {}

    def add(self, task: CallbackTask) -> bool:
        return self.tasks.setdefault(task.session_id, task) is task


class MemoryClosings:
    def __init__(self) -> None:
        self.closings: dict[SessionId, Closing] = {}

    def add(self, closing: Closing) -> bool:
        return self.closings.setdefault(closing.session_id, closing) is closing


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


@dataclass
class ControlPlane:
    """Three functions over one store. `environ` overrides the settings; `calls` may be a store that misbehaves."""

    calls: CallStore = field(default_factory=CountingCallStore)
    environ: Mapping[str, str] = field(default_factory=dict)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    voice_deadline_s: float = 1.2

    def __post_init__(self) -> None:
        self.logged = io.StringIO()
        self.bookings = MemoryStore()
        self.callbacks = MemoryCallbackTasks()
        self.closings = MemoryClosings()
        self.signer = TokenSigner(TOKEN_KEY)
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

    def make_gate(self, settings: HookSettings) -> HookGate:
        return HookGate(settings, self.secrets)

    def make_register(self) -> CallRegister:
        return CallRegister(self.calls, LINES)

    def make_deadline(self) -> Deadline:
        return Deadline(self.voice_deadline_s)

    def make_operations(self, **parts: Any) -> Operations:
        return Operations(**parts)

    def reception(self) -> Reception:
        return Reception(
            gate=self.gate,
            register=lambda: self.register,
            lines=LINES,
            signer=lambda: self.signer,
            addresses=Addresses("wss://media.example.com", "r1", 60, self._status_url),
            clock=self.clock,
            log=self._log("voice"),
            deadline=self._deadline,
        )

    def desk(self) -> EventDesk:
        books = Books(self.calls, self.register, self.callbacks)
        return EventDesk(gate=self.gate, books=lambda: books, clock=self.clock, log=self._log("stream_status"))

    def tools_parts(self) -> Tools:
        ids = itertools.count(1)
        operations = self.make_operations(
            outside=lambda profile: Outside(*books()),
            stores=lambda: Stores(self.calls, self.bookings, self.closings, self.callbacks),
            profiles=PROFILES,
            signer=lambda: self.signer,
            new_id=lambda: f"id{next(ids)}",
            max_call_s=900,
        )
        return Tools(operations, self.clock, self._patience)

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


def opened(plane: ControlPlane, document: str, session_id: SessionId = SESSION) -> dict[str, Any]:
    """What the tools answer when a bridge opens the stream that `document` invites to."""
    token = token_in(document)
    return dict(plane.tools({"operation": "open", "session_id": session_id, "token": token, "bridge": "b1"}, None))


def token_in(document: str) -> str:
    return document.partition("token=")[2].partition('"')[0]
