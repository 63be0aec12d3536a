"""functions/cdr around stores in memory: its real handler, the calls of a control plane, and a carrier that keeps books behind httpx."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from functions.cdr import app as cdr_app
from functions.cdr.clerk import Clerk
from functions.cdr.evidence import Shelves
from functions.cdr.polling import Patience, Pollster
from functions.cdr.pricing import PriceBooks, Prices
from functions.cdr.reporter import Reporter
from functions.cdr.sweep import Sweeper
from functions.cdr.wiring import Parts
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.billing.cdr import Cdr
from pokea.billing.model_cost import prices_of
from pokea.billing.rate_deck import packaged_deck
from pokea.errors import Unauthorized, Unavailable
from pokea.ids import BusinessId, SessionId
from tests.fakes.memory_cdrs import MemoryCdrs
from tests.support.control_plane import CALLER, LINE, NOW, SESSION, ControlPlane, Event, opened, queue_batch
from tests.support.lambda_thread import lambda_thread

STRONG, READER, OTHERS = "pokea.whitedent.strong", "pokea.whitedent.reader", "pokea.mizani.strong"
BOTH = frozenset({"cdrs:read", "cdrs:write"})
_names = itertools.count()
_PRICES = PriceBooks(*prices_of(None))


def rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def carrier_record(session: str = SESSION, talk_s: int = 73, **changes: Any) -> dict[str, Any]:
    """The carrier's final record of an inbound call that began at `NOW`."""
    answered, ended = NOW + timedelta(seconds=3), NOW + timedelta(seconds=3 + talk_s)
    record: dict[str, Any] = {
        "id": f"rec-{session}",
        "session_id": session,
        "direction": "inbound",
        "local_e164": LINE.number,
        "remote_e164": CALLER,
        "started_at": rfc3339(NOW),
        "answered_at": rfc3339(answered),
        "ended_at": rfc3339(ended),
        "duration_seconds": talk_s,
        "status": "completed",
        "cost_minor": 0,
        "cost_currency": "KES",
        "updated_at": rfc3339(ended),
        "events": [{"kind": "call.completed", "payload": {}}],
    }
    return {**record, **changes}


@dataclass
class Books:
    """The carrier's side. `down`: how many requests more are answered with 503; -1: all of them. `heeds_session`: whether its list can be
    asked for one session."""

    records: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    down: int = 0
    heeds_session: bool = True

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if self.down:
            self.down -= 1
            return httpx.Response(503, json={"error": {"code": "busy", "message": "later"}})
        query, name = request.url.params, request.url.path.rpartition("/")[2]
        if name != "calls":
            found = [one for one in self.records if name in (one["id"], one["session_id"])]
            if not found:
                return httpx.Response(404, json={"error": {"code": "calls.not_found", "message": "no"}})
            return httpx.Response(200, json={"call": found[0]})
        wanted = query.get("session_id") if self.heeds_session else None
        found = [one for one in self.records if wanted in (None, one["session_id"])]
        if "from" in query:
            since, until = (datetime.fromisoformat(query[key]) for key in ("from", "to"))
            found = [one for one in found if since <= datetime.fromisoformat(one["started_at"]) < until]
        start, limit = int(query.get("cursor", "0")), int(query.get("limit", "25"))
        following = str(start + limit) if start + limit < len(found) else None
        return httpx.Response(200, json={"data": found[start : start + limit], "next_cursor": following})


class MemoryQueue:
    """What the function sends to itself. `down`: how many sends more fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        self.down = 0

    def send(self, message: Mapping[str, object], delay_s: int = 0) -> None:
        if self.down:
            self.down -= 1
            raise Unavailable("queue_unavailable")
        self.sent.append((json.dumps(dict(message)), delay_s))

    def send_all(self, messages: Any) -> None:
        for message in messages:
            self.send(message)

    def taken(self) -> list[str]:
        """Every message so far, which then are not there any longer."""
        bodies = [body for body, _ in self.sent]
        self.sent.clear()
        return bodies


@dataclass(frozen=True)
class MemoryGrant:
    business_id: BusinessId
    scopes: frozenset[str]


class MemoryKeys:
    def find(self, key: str) -> MemoryGrant:
        grants = {
            STRONG: MemoryGrant(LINE.business_id, BOTH),
            READER: MemoryGrant(LINE.business_id, frozenset({"cdrs:read"})),
            OTHERS: MemoryGrant(BusinessId("mizani"), BOTH),
        }
        if key not in grants:
            raise Unauthorized("bad_api_key", "the API key is not known")
        return grants[key]


class CdrOffice:
    """One function, over the stores of `plane`. `cdrs` may be a store that misbehaves."""

    def __init__(self, plane: ControlPlane | None = None, cdrs: MemoryCdrs | None = None) -> None:
        self.plane = plane or ControlPlane()
        self.cdrs = cdrs or MemoryCdrs()
        self.books, self.later = Books(), MemoryQueue()
        self.emitted: list[tuple[str, dict[str, Any]]] = []
        self.bus_down = 0
        self.settled: list[tuple[str, int]] = []
        self.logged = io.StringIO()
        self.log = Log(f"cdr-{next(_names)}", self.logged)
        self.remaining_s = 29.0
        self.parts = self.make_parts()
        self.handler = cdr_app.make_handler(lambda: self.parts, self.log)

    def make_parts(self) -> Parts:
        plane, log = self.plane, self.log
        settings = CarrierSettings("k", "https://carrier.test")
        carrier = Carrier(settings, httpx.MockTransport(self.books.answer))
        shelves = self.make_shelves()
        clerk = Clerk(
            shelves=lambda: shelves,
            profiles=plane.profiles,
            pollster=Pollster(lambda: carrier, log),
            prices=Prices(lambda profile: packaged_deck(profile.billing.deck), lambda: _PRICES),
            reporter=Reporter(shelves=lambda: shelves, emit=self._emit, settle=self._settle, log=log),
            later=lambda: self.later,
            clock=plane.clock,
            log=log,
            traces=plane.traces("cdr"),
        )
        sweeper = Sweeper(
            shelves=lambda: shelves,
            profiles=plane.profiles,
            books=lambda: carrier,
            later=lambda: self.later,
            clock=plane.clock,
            log=log,
        )
        return Parts(clerk, sweeper, MemoryKeys, plane.clock, lambda: Patience(lambda: self.remaining_s))

    def make_shelves(self) -> Shelves:
        return Shelves(self.plane.calls, self.plane.closings, self.plane.bookings, self.cdrs)

    def take(self, *bodies: str, context: Any = None) -> list[str]:
        """Have the function take a batch of these messages; returns those that it wants back."""
        messages = {f"m{index}": body for index, body in enumerate(bodies)}
        answer = self.handler(queue_batch(messages), context)
        return [messages[failure["itemIdentifier"]] for failure in answer["batchItemFailures"]]

    def cdr(self, leg: str = "caller", session: SessionId = SESSION) -> Cdr:
        (found,) = [cdr for cdr in self.cdrs.cdrs(session) if cdr.leg == leg]
        return found

    def request(
        self, method: str, path: str, body: object = None, key: str | None = STRONG
    ) -> tuple[int, dict[str, Any]]:
        return self.answer(http_event(method, path, body, key))

    def answer(self, event: Event) -> tuple[int, dict[str, Any]]:
        with lambda_thread() as worker:
            reply = worker.submit(self.handler, event, None).result()
        return reply["statusCode"], json.loads(reply["body"])

    def _emit(self, kind: str, detail: Mapping[str, str | int]) -> None:
        if self.bus_down:
            self.bus_down -= 1
            raise Unavailable("bus_unavailable")
        self.emitted.append((kind, dict(detail)))

    def _settle(self, business_id: BusinessId, label: str, micros: int, at: datetime) -> None:
        self.settled.append((label, micros))


def http_event(method: str, path: str, body: object = None, key: str | None = STRONG) -> Event:
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"}
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {"http": http, "stage": "$default", "requestId": "r", "domainName": "d"},
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def about(session: str = SESSION, business: str = LINE.business_id, **more: object) -> str:
    """The message that a call is to be looked at."""
    return json.dumps({"version": 1, "call": session, "business": business, **more})


def closed_call(plane: ControlPlane, session: SessionId = SESSION, duration_ms: int = 71_400) -> str:
    """A call that our bridge has had and closed; returns the message about it."""
    token = opened(plane, plane.ring(sessionId=session), session)["result"]["call_token"]
    request = {
        "operation": "close",
        "call_token": token,
        "reason": "goodbye",
        "duration_ms": duration_ms,
        "transcript": [],
    }
    assert plane.tools(request, None)["ok"] is True
    return plane.ended[-1]
