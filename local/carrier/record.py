"""The books of one call: its event list, event webhooks, charges, and the record that closes it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.carrier.billing import EndedLeg
from local.carrier.hooks import event_body
from local.carrier.ledger import Cdr, billed_seconds, call_event
from local.carrier.switch import StreamRecord

if TYPE_CHECKING:
    from local.carrier.call import Call
    from local.carrier.script import DialLeg


class Books:
    """Belongs to one call. `close` once, when the leg, its streams and its Dial legs are over."""

    def __init__(self, call: Call) -> None:
        self.cdr: Cdr | None = None
        self._call = call
        self._events: list[dict[str, Any]] = []
        call.services.records.open(call.call_id, call.session_id, self.preliminary)

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
        call, tariff = self._call, self._call.services.tariff
        outbound = call.facts.direction == "outbound"
        kind = "call.completed" if call.answered_at is not None else "call.failed"
        self._events.append(call_event(call.call_id, kind, datetime.now(UTC)))
        happened = replace(
            self.preliminary(),
            ended_at=ended_at,
            duration_seconds=billed_seconds(call.answered_at, ended_at),
            failure_code=call.failure_code,
            stream_seconds=sum(-(-_open_ms(stream, call.at_ms()) // 1000) for stream in call.streams),
        )
        leg = EndedLeg(
            cdr=happened,
            kind="call",
            per_minute_minor=tariff.outbound_per_minute_minor if outbound else tariff.inbound_per_minute_minor,
            stream_per_minute_minor=call.behaviour.stream_rate_per_minute_minor,
        )
        bill = call.services.records.close(leg, call.quirks.billing)
        self.cdr = bill.records[0] if bill.records else happened
        self._post_last_events(happened)

    # --- the legs that a Dial makes ---------------------------------------------------------------------------------------------

    def dial_began(self, leg: DialLeg) -> None:
        self._call.services.records.open(leg.id, self._call.session_id, lambda: self._dialled(leg))

    def dial_ended(self, leg: DialLeg) -> None:
        services = self._call.services
        ended = EndedLeg(
            cdr=self._dialled(leg), kind="dial", per_minute_minor=services.tariff.outbound_per_minute_minor
        )
        bill = services.records.close(ended, self._call.quirks.dial_billing)
        leg.cost_minor = bill.records[0].cost_minor if bill.records else 0

    def _dialled(self, leg: DialLeg) -> Cdr:
        return dialled_record(
            leg.id,
            self._call.session_id,
            leg.caller_id,
            leg.number,
            started_at=leg.started_at,
            answered_at=leg.answered_at,
            ended_at=leg.ended_at,
            status=leg.status,
        )

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


def dialled_record(
    record_id: str,
    session_id: str,
    caller_id: str,
    number: str,
    *,
    started_at: datetime,
    answered_at: datetime | None,
    ended_at: datetime | None,
    status: str,
) -> Cdr:
    """Of a Dial's leg, without a price: outbound, and in the caller's session."""
    events = [call_event(record_id, "call.started", started_at)]
    if answered_at is not None:
        events.append(call_event(record_id, "call.answered", answered_at))
    if ended_at is not None:
        events.append(call_event(record_id, "call.failed" if answered_at is None else "call.completed", ended_at))
    return Cdr(
        id=record_id,
        session_id=session_id,
        direction="outbound",
        local_e164=caller_id,
        remote_e164=number,
        started_at=started_at,
        answered_at=answered_at,
        ended_at=ended_at,
        duration_seconds=None if ended_at is None else billed_seconds(answered_at, ended_at),
        status=status,
        cost_minor=0,
        cost_currency=None,
        rate_per_minute_minor=None,
        failure_code=status if ended_at is not None and answered_at is None else None,
        client_request_id="",
        events=tuple(events),
    )


def _open_ms(stream: StreamRecord, now_ms: int) -> int:
    if stream.opened_at_ms is None:
        return 0
    return (now_ms if stream.closed_at_ms is None else stream.closed_at_ms) - stream.opened_at_ms
