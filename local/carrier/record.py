"""The books of one call: its event list, event webhooks, charges, and the record that closes it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.carrier.hooks import event_body
from local.carrier.ledger import Cdr, billed_seconds, call_event
from local.carrier.switch import StreamRecord

if TYPE_CHECKING:
    from local.carrier.call import Call


class Books:
    """Belongs to one call. `close` once, when the leg, its streams and its Dial legs are over."""

    def __init__(self, call: Call) -> None:
        self.cdr: Cdr | None = None
        self._call = call
        self._events: list[dict[str, Any]] = []

    def happened(self, kind: str, details: Mapping[str, Any]) -> None:
        self._events.append(call_event(self._call.call_id, kind, datetime.now(UTC), details))
        self._post(kind, details)

    def preliminary(self) -> Cdr:
        call = self._call
        return Cdr(
            **self._identity(),
            answered_at=call.answered_at,
            ended_at=None,
            duration_seconds=None,
            status=call.status,
            cost_minor=0,
            cost_currency=None,
            rate_per_minute_minor=None,
            failure_code=None,
            events=tuple(self._events),
        )

    def close(self, ended_at: datetime) -> None:
        call, tariff, wallet = self._call, self._call.services.tariff, self._call.services.wallet
        outbound = call.facts.direction == "outbound"
        per_minute = tariff.outbound_per_minute_minor if outbound else tariff.inbound_per_minute_minor
        duration_s = billed_seconds(call.answered_at, ended_at)
        cost = tariff.leg_cost_minor(duration_s, per_minute)
        stream_s = sum(-(-_open_ms(stream, call.at_ms()) // 1000) for stream in call.streams)
        stream_cost = tariff.leg_cost_minor(stream_s, call.behaviour.stream_rate_per_minute_minor)
        wallet.move(-cost, "call", call.call_id, ended_at)
        wallet.move(-stream_cost, "stream", call.call_id, ended_at)
        for leg in call.dial_legs:
            leg.settle(tariff, wallet)
        answered = call.answered_at is not None
        kind = "call.completed" if answered else "call.failed"
        self._events.append(call_event(call.call_id, kind, datetime.now(UTC)))
        self.cdr = Cdr(
            **self._identity(),
            answered_at=call.answered_at,
            ended_at=ended_at,
            duration_seconds=duration_s,
            status=call.status,
            cost_minor=cost,
            cost_currency=tariff.currency if answered else None,
            rate_per_minute_minor=per_minute if answered else None,
            failure_code=call.failure_code,
            events=tuple(self._events),
            stream_seconds=stream_s,
            stream_cost_minor=stream_cost,
        )
        self._post_last_events(self.cdr)

    def _identity(self) -> dict[str, Any]:
        facts = self._call.facts
        outbound = facts.direction == "outbound"
        return {
            "id": facts.call_id,
            "session_id": facts.session_id,
            "direction": facts.direction,
            "local_e164": facts.a_number if outbound else facts.b_number,
            "remote_e164": facts.b_number if outbound else facts.a_number,
            "started_at": self._call.started_at,
            "client_request_id": facts.client_request_id,
        }

    def _post(self, kind: str, details: Mapping[str, Any]) -> None:
        call = self._call
        if not (call.behaviour.event_webhooks and call.plan.events_url):
            return
        event_id = "evt_" + uuid.uuid4().hex[:16]
        body = event_body(call.facts, kind, details, event_id=event_id, envelope=call.quirks.event_envelope)
        for _ in range(max(1, call.quirks.copies.get(kind, 1))):
            call.in_background(self._send(kind, body))

    async def _send(self, kind: str, body: Mapping[str, Any]) -> None:
        await self._call.sender.post_event(kind, self._call.plan.events_url, body)

    def _post_last_events(self, cdr: Cdr) -> None:
        call, record = self._call, cdr.to_json()
        if cdr.answered_at is None:
            reason = call.failure_code or call.status
            self._post("call.failed", {"failure_reason": reason, "ended_at": record["ended_at"]})
            return
        details = {key: record[key] for key in ("status", "duration_seconds", "answered_at", "ended_at")}
        self._post("call.completed", {**details, "hangup_cause": call.hangup_cause})
        if call.plan.record is not None:
            recording = {"recording_id": "rec_" + call.call_id[:8], "duration_seconds": cdr.duration_seconds}
            self._post("call.recording.ready", {**recording, "size_bytes": call.plan.record.stat().st_size})


def _open_ms(stream: StreamRecord, now_ms: int) -> int:
    if stream.opened_at_ms is None:
        return 0
    return (now_ms if stream.closed_at_ms is None else stream.closed_at_ms) - stream.opened_at_ms
