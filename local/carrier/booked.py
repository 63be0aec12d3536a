"""Calls that nobody plays: entered into the books with the times they are said to have had, for books of thousands of calls."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from local.carrier.billing import BillingFault, EndedLeg
from local.carrier.ledger import Cdr, Tariff, billed_seconds, call_event
from local.carrier.record import dialled_record
from local.carrier.records import RecordBook


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedDial:
    """A leg that a Dial of the call made."""

    number: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    status: str = "completed"
    billing: BillingFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedCall:
    """`ended_at` may be still to come: until then the record says that the call lasts. Ids are made up where they are not given.

    stream_s: how long its media streams were open, and stream_per_minute_minor what the carrier takes for that.
    """

    direction: Literal["inbound", "outbound"]
    a_number: str
    b_number: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    status: str = "completed"
    session_id: str = ""
    call_id: str = ""
    client_request_id: str = ""
    stream_s: int = 0
    stream_per_minute_minor: int = 0
    billing: BillingFault | None = None
    dialled: tuple[BookedDial, ...] = ()


def enter(call: BookedCall, records: RecordBook, tariff: Tariff) -> Cdr:
    """Returns what happened, as the record of the call's own leg would tell it before it has a price."""
    cdr = _happened(call)
    records.open(cdr.id, cdr.session_id, lambda: cdr)
    outbound = call.direction == "outbound"
    leg = EndedLeg(
        cdr=cdr,
        kind="call",
        per_minute_minor=tariff.outbound_per_minute_minor if outbound else tariff.inbound_per_minute_minor,
        stream_per_minute_minor=call.stream_per_minute_minor,
    )
    for dial in call.dialled:
        _enter_dial(dial, cdr, records, tariff)
    records.close(leg, call.billing)
    return cdr


def _enter_dial(dial: BookedDial, caller: Cdr, records: RecordBook, tariff: Tariff) -> None:
    cdr = dialled_record(
        str(uuid.uuid4()),
        caller.session_id,
        caller.local_e164,
        dial.number,
        started_at=dial.started_at,
        answered_at=dial.answered_at,
        ended_at=dial.ended_at,
        status=dial.status,
    )
    records.open(cdr.id, cdr.session_id, lambda: cdr)
    leg = EndedLeg(cdr=cdr, kind="dial", per_minute_minor=tariff.outbound_per_minute_minor)
    records.close(leg, dial.billing)


def _happened(call: BookedCall) -> Cdr:
    outbound = call.direction == "outbound"
    call_id = call.call_id or str(uuid.uuid4())
    events = [call_event(call_id, "call.started", call.started_at)]
    if call.answered_at is not None:
        events.append(call_event(call_id, "call.answered", call.answered_at))
    events.append(call_event(call_id, "call.completed" if call.answered_at else "call.failed", call.ended_at))
    return Cdr(
        id=call_id,
        session_id=call.session_id or "HD_" + uuid.uuid4().hex[:12],
        direction=call.direction,
        local_e164=call.a_number if outbound else call.b_number,
        remote_e164=call.b_number if outbound else call.a_number,
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        duration_seconds=billed_seconds(call.answered_at, call.ended_at),
        status=call.status,
        cost_minor=0,
        cost_currency=None,
        rate_per_minute_minor=None,
        failure_code=None if call.answered_at else call.status,
        client_request_id=call.client_request_id,
        events=tuple(events),
        stream_seconds=call.stream_s,
    )
