"""The carrier's REST API: place, look up, list and hang up calls; list, claim and route numbers; the wallet.

    Carrier(CarrierSettings(...)).place_call(...)          blocking, for Lambda functions
    await AsyncCarrier(CarrierSettings(...)).hang_up(...)  for the media bridge, which only ever ends calls

Paths and field names that the vendor's own pages disagree on are data (`sautikit_dialects`), not code. Every reply is classified:

    2xx                            the decoded body
    401 403, 402, other 4xx        Denied (wallet empty: code "wallet.insufficient_funds") / RejectedInput / NotFound
    409                            Conflict
    429, 503 and the like          Unavailable, with the carrier's Retry-After
    5xx, timeout, cut connection   Unavailable when repeating is harmless; Indeterminate when a call may have been placed

A request that places a call is never repeated here: after a timeout nobody knows whether a telephone rings.
httpx is imported on first use: most cold paths never speak to the carrier.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pokea.adapters.sautikit_dialects import LIVE, NUMBER_FIELDS, Dialect
from pokea.adapters.sautikit_replies import classify, not_sent, unanswered
from pokea.billing.wallet import Balance
from pokea.errors import CallError, RejectedInput, Unavailable
from pokea.ids import CallId, SessionId
from pokea.money import MINOR_DIGITS, Money
from pokea.phone_numbers import E164
from pokea.sautikit.number_routes import OfferedNumber, OwnedNumber

if TYPE_CHECKING:
    import httpx

DEFAULT_BASE = "https://api.sautikit.com"
MAX_IDEMPOTENCY_KEY_CHARS = 64  # longer ones are cut by at least one deployed integration
MAX_REPLY_BYTES = 1 << 20
PATIENT_TRIES = 3
PAUSE_SHARE = 0.25  # of what a reply asks for, or of the second we assume
PATIENCE_S = 1.0  # somebody waits meanwhile: a carrier that asks for more time is not tried again here


@dataclass(frozen=True, slots=True)
class CarrierSettings:
    """`api_key` is sent as a bearer token and never appears in an error. Times in seconds."""

    api_key: str = field(repr=False)
    base_url: str = DEFAULT_BASE
    dialect: Dialect = LIVE
    connect_timeout_s: float = 2.0
    read_timeout_s: float = 8.0


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """What the carrier said about an accepted call. Either id may be missing: the webhooks bring it later."""

    call_id: CallId | None
    session_id: SessionId | None
    status: str
    client_request_id: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as data. `harmless` means that sending it twice has the effect of sending it once."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    harmless: bool = True


def place_call_request(
    dialect: Dialect,
    *,
    from_number: E164,
    to_number: E164,
    voice_callback_url: str,
    client_request_id: str,
    idempotency_key: str,
) -> Request:
    """The request that makes one telephone ring. `client_request_id` is a fresh opaque label of this attempt alone."""
    body: dict[str, object] = {
        "from": from_number,
        "to": [to_number] if dialect.to_is_array else to_number,
        dialect.callback_field: voice_callback_url,
        dialect.label_field: client_request_id,
    }
    headers = {"Idempotency-Key": idempotency_key[:MAX_IDEMPOTENCY_KEY_CHARS]}
    return Request("POST", dialect.place_call, body, headers=headers, harmless=False)


def hang_up_request(dialect: Dialect, call: SessionId | CallId) -> Request:
    """Ends a call by either of its ids. The carrier answers a second one like the first."""
    return Request("POST", dialect.hang_up.format(id=_segment(call)))


class Carrier:
    """Blocking client. `transport` is httpx's own seam: tests and tools pass one, production does not."""

    def __init__(
        self,
        settings: CarrierSettings,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._pause = pause
        self._dialect = settings.dialect
        self._transport = transport
        self._client: httpx.Client | None = None
        self._connecting = threading.Lock()

    def place_call(
        self,
        *,
        from_number: E164,
        to_number: E164,
        voice_callback_url: str,
        client_request_id: str,
        idempotency_key: str,
    ) -> PlacedCall:
        """Ask for one call, once. Raises Denied, Conflict, RejectedInput, Unavailable (nothing was placed) or Indeterminate."""
        request = place_call_request(
            self._dialect,
            from_number=from_number,
            to_number=to_number,
            voice_callback_url=voice_callback_url,
            client_request_id=client_request_id,
            idempotency_key=idempotency_key,
        )
        return _placed_call(self._send(request))

    def hang_up(self, call: SessionId | CallId) -> None:
        """End the call. Safe to repeat; tried three times on trouble. Raises NotFound, Denied or Unavailable."""
        self._send_patiently(hang_up_request(self._dialect, call))

    def get_call(self, call: SessionId | CallId) -> Mapping[str, object]:
        """The carrier's own record of a call, by either id. Raises NotFound."""
        reply = self._send(Request("GET", self._dialect.get_call.format(id=_segment(call))))
        return _unwrap(reply, "call", "data")

    def list_calls(self, **query: str) -> tuple[Sequence[Mapping[str, object]], str | None]:
        """One page of calls and the cursor of the next (None: the last page). `query`: status, direction, session_id, from, to…"""
        reply = self._send(Request("GET", self._dialect.list_calls, query=query))
        cursor = reply.get("next_cursor")
        return _rows(reply, "data", "calls"), cursor if isinstance(cursor, str) and cursor else None

    def list_numbers(self) -> tuple[OwnedNumber, ...]:
        """The workspace's numbers. Raises Denied (a key without the scope numbers.read) or Unavailable, also for a reply without a list."""
        reply = self._send(Request("GET", self._dialect.list_numbers))
        rows = _listed(reply, "numbers", "data", "items")
        return tuple(found for found in map(_owned_number, rows) if found is not None)

    def available_numbers(self) -> tuple[OfferedNumber, ...]:
        """What could be claimed. Raises as `list_numbers` does."""
        reply = self._send(Request("GET", self._dialect.available_numbers))
        rows = _listed(reply, "available", "data", "numbers", "items")
        return tuple(found for found in map(_offered_number, rows) if found is not None)

    def wallet(self) -> Balance:
        """What is left of the prepaid money. Raises Denied (a key without the scope wallet.read), or Unavailable, also for a reply that
        does not say it: an unread balance is not 0."""
        return _balance(self._send(Request("GET", self._dialect.wallet)))

    def claim_number(self, inventory_id: str, number: str = "") -> Mapping[str, object]:
        """Rent a number from the inventory. Costs money, so it is not repeated; raises Indeterminate when the outcome is unknown."""
        path = self._dialect.claim_number.format(id=_segment(inventory_id))
        name = self._dialect.claim_field
        body = {name: number if name in NUMBER_FIELDS else inventory_id} if name else {}
        return _unwrap(self._send(Request("POST", path, body, harmless=False)), "number", "data")

    def route_number(
        self, number_id: str, *, voice_callback_url: str, events_url: str | None, signing_secret: str = ""
    ) -> None:
        """Point a number's hooks at us. Sending it twice changes nothing more. An events URL (None: not a word of it, "": none any more)
        and a secret are sent if the dialect has a field for them."""
        body = {self._dialect.route_voice_field: voice_callback_url}
        if self._dialect.route_events_field and events_url is not None:
            body[self._dialect.route_events_field] = events_url
        if self._dialect.route_secret_field and signing_secret:
            body[self._dialect.route_secret_field] = signing_secret
        path = self._dialect.route_number.format(id=_segment(number_id))
        self._send_patiently(Request(self._dialect.route_method, path, body))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _send_patiently(self, request: Request) -> Mapping[str, object]:
        tries = 0
        while True:
            tries += 1
            try:
                return self._send(request)
            except Unavailable as error:
                if not may_try_again(error, tries):
                    raise
                self._pause(error.retry_after_s * PAUSE_SHARE)

    def _connected(self) -> httpx.Client:
        import httpx

        with self._connecting:  # a client that nobody holds would never be closed
            if self._client is None:
                self._client = httpx.Client(**_client_options(self._settings), transport=self._transport)
            return self._client

    def _send(self, request: Request) -> Mapping[str, object]:
        import httpx

        try:
            reply = self._connected().request(request.method, request.path, **_arguments(request))
        except httpx.HTTPError as error:
            raise _transport_error(error, request) from None
        return _decoded(request, reply.status_code, reply.headers, reply.content)


class AsyncCarrier:
    """What the media bridge needs of the carrier: ending calls."""

    def __init__(self, settings: CarrierSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def hang_up(self, call: SessionId | CallId) -> None:
        """End the call. Safe to repeat; tried three times on trouble. Raises NotFound, Denied or Unavailable."""
        tries = 0
        while True:
            tries += 1
            try:
                await self._send(hang_up_request(self._settings.dialect, call))
                return
            except Unavailable as error:
                if not may_try_again(error, tries):
                    raise
                await asyncio.sleep(error.retry_after_s * PAUSE_SHARE)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _send(self, request: Request) -> Mapping[str, object]:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(**_client_options(self._settings), transport=self._transport)
        try:
            reply = await self._client.request(request.method, request.path, **_arguments(request))
        except httpx.HTTPError as error:
            raise _transport_error(error, request) from None
        return _decoded(request, reply.status_code, reply.headers, reply.content)


def may_try_again(error: Unavailable, tries: int) -> bool:
    return tries < PATIENT_TRIES and error.retry_after_s <= PATIENCE_S


def _client_options(settings: CarrierSettings) -> dict[str, Any]:
    import httpx

    return {
        "base_url": settings.base_url.rstrip("/"),
        "headers": {"Authorization": f"Bearer {settings.api_key}", "Accept": "application/json"},
        "timeout": httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
        "limits": httpx.Limits(max_connections=32, max_keepalive_connections=8),
        "follow_redirects": False,
        "trust_env": False,  # a proxy variable of the host must not see the API key
        "verify": _trust(settings.base_url),
    }


def _trust(base_url: str) -> ssl.SSLContext | bool:
    """The public authorities. A stand-in without TLS needs none, and to load them takes 40 ms: its context trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if base_url.startswith("http://") else True


def _arguments(request: Request) -> dict[str, Any]:
    arguments: dict[str, Any] = {"headers": dict(request.headers), "params": dict(request.query)}
    if request.method != "GET":
        arguments["json"] = dict(request.body or {})
    return arguments


def _transport_error(error: Exception, request: Request) -> CallError:
    """A connection that was never made carried nothing; anything later may have been acted upon."""
    import httpx

    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
        return not_sent()
    return unanswered(harmless=request.harmless)


def _decoded(request: Request, status: int, headers: Mapping[str, str], content: bytes) -> Mapping[str, object]:
    body = _json_object(content)
    if 200 <= status < 300 and body is not None:
        return body
    if status == 204:
        return {}
    raise classify(status, body, retry_after=headers.get("retry-after"), harmless=request.harmless)


def _json_object(content: bytes) -> Mapping[str, object] | None:
    """The body as a JSON object; a bare array comes as {"data": […]}; None for anything else (HTML, nothing, garbage)."""
    if len(content) > MAX_REPLY_BYTES:
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list):
        return {"data": value}
    return value if isinstance(value, dict) else None


def _unwrap(reply: Mapping[str, object], *names: str) -> Mapping[str, object]:
    for name in names:
        inner = reply.get(name)
        if isinstance(inner, dict):
            return inner
    return reply


def _rows(reply: Mapping[str, object], *names: str) -> Sequence[Mapping[str, object]]:
    for name in names:
        rows = reply.get(name)
        if isinstance(rows, list):
            return [row for row in rows if isinstance(row, dict)]
    return []


def _listed(reply: Mapping[str, object], *names: str) -> Sequence[Mapping[str, object]]:
    """Raises Unavailable for a reply that holds no list: no list is not an empty one."""
    if not any(isinstance(reply.get(name), list) for name in names):
        raise Unavailable("list_unreadable", "the carrier's reply holds no list")
    return _rows(reply, *names)


def _placed_call(reply: Mapping[str, object]) -> PlacedCall:
    call = _unwrap(reply, "call", "data")
    call_id = _optional_text(call, "call_id", "id")
    session_id = _optional_text(call, "session_id", "sessionId")
    return PlacedCall(
        call_id=CallId(call_id) if call_id else None,
        session_id=SessionId(session_id) if session_id else None,
        status=_optional_text(call, "status") or "unknown",
        client_request_id=_optional_text(call, "client_request_id", "clientRequestId"),
    )


def _owned_number(row: Mapping[str, object]) -> OwnedNumber | None:
    """None for a row that names no number: nobody could ring it or route it."""
    number, number_id = _e164(row), _optional_text(row, "id", "number_id")
    if number is None or number_id is None:
        return None
    return OwnedNumber(
        number_id=number_id,
        number=number,
        status=_optional_text(row, "status") or "unknown",
        voice_callback_url=_optional_text(row, "voice_callback_url", "voice_url", "routing_url"),
        events_url=_optional_text(row, "events_url"),
    )


def _offered_number(row: Mapping[str, object]) -> OfferedNumber | None:
    number, inventory_id = _e164(row), _optional_text(row, "inventory_id", "id")
    if number is None or inventory_id is None:
        return None
    price = row.get("monthly_price_minor", row.get("monthly_retail_minor"))
    return OfferedNumber(
        inventory_id=inventory_id,
        number=number,
        monthly_minor=price if type(price) is int else None,
        currency=_optional_text(row, "currency") or "",
    )


def _e164(row: Mapping[str, object]) -> E164 | None:
    try:
        return E164(_optional_text(row, "e164", "number") or "")
    except RejectedInput:
        return None


def _balance(reply: Mapping[str, object]) -> Balance:
    wallet = _unwrap(reply, "wallet", "data")
    minor, currency = wallet.get("balance_minor"), wallet.get("currency")
    if type(minor) is not int or not isinstance(currency, str) or currency not in MINOR_DIGITS:
        raise Unavailable("wallet_unreadable", "the carrier's reply does not say what the wallet holds")
    low = wallet.get("low_balance_threshold_minor")
    threshold = Money.from_minor(low, currency).micros if type(low) is int and low >= 0 else None
    return Balance(Money.from_minor(minor, currency).micros, currency, threshold)


def _optional_text(row: Mapping[str, object], *names: str) -> str | None:
    values = (row.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value), None)


def _segment(text: str) -> str:
    """`text` as one path segment: an id can never climb out of its place in the URL."""
    return quote(text, safe="")
