"""The carrier's POSTs: the fields of each kind of hook, the signature, and the client that sends and remembers them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote, urlencode

import httpx

USER_AGENT = "Sautikit-VoiceProxy"
TIMEOUT_S = 10.0
MAX_LABEL_QUERY_BYTES = 2048
_UNCARRIED = set("{},\"'")

HookKind = Literal["voice", "stream_status", "event"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFacts:
    """What every hook of one leg repeats."""

    session_id: str
    call_id: str
    direction: Literal["inbound", "outbound"]
    a_number: str
    b_number: str
    client_request_id: str = ""
    swap_numbers: bool = False

    @property
    def carried_label(self) -> str:
        """The label as callbacks carry it: not at all if it holds whitespace, commas, braces or quotes."""
        label = self.client_request_id
        return "" if any(c.isspace() or c in _UNCARRIED for c in label) else label


@dataclass(slots=True, kw_only=True)
class Hook:
    """One POST and what came back. Times are milliseconds since the call was dialled."""

    kind: HookKind
    state: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    sent_at_ms: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    answered_at_ms: int | None = None
    status_code: int | None = None
    response_type: str = ""
    response: bytes = b""
    error: str = ""

    @property
    def ok(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


def sign(secret: str, body: bytes, at_s: int) -> str:
    """Value of X-Sautikit-Signature: HMAC-SHA256 over body, a dot and the time, in this order."""
    digest = hmac.new(secret.encode(), body + b"." + str(at_s).encode(), hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


def voice_fields(leg: LegFacts, state: str, *, is_active: bool, duration_s: int | None = None) -> dict[str, str]:
    caller, called = (leg.b_number, leg.a_number) if leg.swap_numbers else (leg.a_number, leg.b_number)
    fields = {
        "sessionId": leg.session_id,
        "callSessionState": state,
        "direction": leg.direction,
        "callerNumber": caller,
        "destinationNumber": called,
        "isActive": "1" if is_active else "0",
    }
    if leg.direction == "outbound":
        fields["clientDialedNumber"] = called
    if duration_s is not None:
        fields["durationInSeconds"] = str(duration_s)
    if leg.carried_label:
        fields["clientRequestId"] = leg.carried_label
    return fields


def stream_fields(leg: LegFacts, event: str, *, stream_id: str, name: str, reason: str = "") -> dict[str, str]:
    """`event`: stream-started, stream-stopped or stream-error."""
    fields = voice_fields(leg, _camel(event), is_active=True)
    fields |= {"streamSid": stream_id, "streamEvent": event}
    if name:
        fields["name"] = name
    if reason:
        fields["reason"] = reason
    return fields


def _camel(event: str) -> str:
    return "".join(part.capitalize() for part in event.split("-"))


def labelled_url(url: str, label: str) -> str:
    """The voice URL of a placed call, with its label as a query unless that would make the query too long."""
    query = "clientRequestId=" + quote(label, safe="")
    if not label or len(query) > MAX_LABEL_QUERY_BYTES:
        return url
    return url + ("&" if "?" in url else "?") + query


def event_body(
    leg: LegFacts, kind: str, details: Mapping[str, Any], *, event_id: str, envelope: str, at: datetime | None = None
) -> dict[str, Any]:
    """One call event in one of the three shapes that the vendor's pages show (A, B, C). `at`: now, if it is not given."""
    content = {
        "call_id": leg.call_id,
        "pbx_call_id": leg.session_id,
        "direction": leg.direction,
        "from": leg.a_number,
        "to": leg.b_number,
        **details,
    }
    if leg.carried_label:
        content["client_request_id"] = leg.carried_label
    if envelope == "A":
        now = (at or datetime.now(UTC)).isoformat()
        return {"kind": kind, "event_id": event_id, "workspace_id": WORKSPACE_ID, "occurred_at": now, "data": content}
    if envelope == "B":
        return {"event_kind": kind, "event_id": event_id, "payload": content}
    return {"sessionId": leg.session_id, "callSessionState": kind, "clientRequestId": leg.client_request_id, **content}


WORKSPACE_ID = "ws_00000001"


class HookSender:
    """Sends one call's hooks and keeps every request and response, in the order they were sent."""

    def __init__(
        self, client: httpx.AsyncClient, secret: str | None, at_ms: Callable[[], int], timeout_s: float = TIMEOUT_S
    ) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._secret = secret
        self._at_ms = at_ms
        self.sent: list[Hook] = []

    async def post_form(
        self, kind: HookKind, state: str, url: str, fields: Mapping[str, str], *, as_json: bool
    ) -> Hook:
        if as_json:
            return await self._post(
                kind, state, url, fields, json.dumps(fields).encode(), {"Content-Type": "application/json"}
            )
        media_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._post(kind, state, url, fields, urlencode(fields).encode(), media_type)

    async def post_event(self, kind: str, url: str, body: Mapping[str, Any]) -> Hook:
        headers = {
            "Content-Type": "application/json",
            "X-Sautikit-Event": kind,
            "X-Sautikit-Event-Kind": kind,
            "X-Sautikit-Event-Id": str(body.get("event_id", "")),
            "X-Sautikit-Idempotency-Key": uuid.uuid4().hex,
        }
        return await self._post("event", kind, url, body, json.dumps(body).encode(), headers)

    async def _post(
        self, kind: HookKind, state: str, url: str, fields: Mapping[str, Any], body: bytes, headers: dict[str, str]
    ) -> Hook:
        """Never raises for what the receiver does: a refusal, a timeout and a dead host are facts in the returned Hook."""
        headers["User-Agent"] = USER_AGENT
        if self._secret is not None:
            headers["X-Sautikit-Signature"] = sign(self._secret, body, int(time.time()))
        hook = Hook(
            kind=kind, state=state, url=url, headers=headers, body=body, fields=dict(fields), sent_at_ms=self._at_ms()
        )
        self.sent.append(hook)
        try:
            response = await self._client.post(url, content=body, headers=headers, timeout=self._timeout_s)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            hook.error = f"{type(error).__name__}: {error}"
            return hook
        hook.answered_at_ms = self._at_ms()
        hook.status_code = response.status_code
        hook.response_type = response.headers.get("content-type", "")
        hook.response = response.content
        return hook
