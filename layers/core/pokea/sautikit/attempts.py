"""Attempts: a call that we ask the carrier to place, stored before it is asked.

An attempt is kept as a Call under a session id of its own, made from the label (`client_request_id`) that travels with the request and
comes back in every hook of that call: so the voice webhook finds whose call it is, even when it arrives before the carrier's answer.
The label is derived from the business and its Idempotency-Key; the same key is the same attempt, and a telephone rings once for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pokea.billing.spend import Need, SpendGuard
from pokea.calls import Call, CallStatus, Direction
from pokea.errors import CallError, Conflict, Indeterminate, RejectedInput, Unavailable
from pokea.ids import CallId, SessionId
from pokea.lines import Line
from pokea.phone_numbers import E164
from pokea.ports import CallStore
from pokea.sautikit.labels import attempt_session, label_of

_ASKED = "asked"  # marks an attempt as asked for, exactly once and before the carrier hears of it
MAX_CONTEXT_CHARS = 4_000


class Placed(Protocol):
    """The carrier's answer to a request for a call."""

    @property
    def call_id(self) -> CallId | None: ...
    @property
    def session_id(self) -> SessionId | None: ...


class Telephony(Protocol):
    """What places calls. Raises as `pokea.errors` says; Indeterminate when a telephone may be ringing."""

    def place_call(
        self,
        *,
        from_number: E164,
        to_number: E164,
        voice_callback_url: str,
        client_request_id: str,
        idempotency_key: str,
    ) -> Placed: ...


class Progress(StrEnum):
    """What became of an attempt, as far as its asker is told."""

    RINGING = "ringing"
    UNKNOWN = (
        "unknown"  # asked for, and nobody knows yet whether it was placed: settled by hooks, never by asking again
    )
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRequest:
    """Who is to be rung, for whom, and what the agent should know (`context`: JSON values, opaque to the carrier)."""

    line: Line
    to_number: E164
    agent: str
    context: Mapping[str, object]
    idempotency_key: str  # of the asker; "" never reaches here


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    client_request_id: str
    session_id: SessionId | None
    call_id: CallId | None
    progress: Progress


def attempt_of(request: OutboundRequest, now: datetime) -> Call:
    """The attempt as it is stored before the carrier hears of it. Raises RejectedInput for a context that is too long."""
    context = json.dumps(request.context, sort_keys=True, separators=(",", ":"))
    if len(context) > MAX_CONTEXT_CHARS:
        raise RejectedInput("context_too_long", f"the context has more than {MAX_CONTEXT_CHARS} characters")
    label = label_of(request.line.business_id, request.idempotency_key)
    return Call(
        session_id=attempt_session(label),
        business_id=request.line.business_id,
        agent=request.agent,
        direction=Direction.OUTBOUND,
        a_number=request.line.number,
        b_number=request.to_number,
        status=CallStatus.RINGING,
        created_at=now,
        client_request_id=label,
        open_metadata=context,
    )


def place(
    request: OutboundRequest,
    *,
    store: CallStore,
    telephony: Telephony,
    voice_callback_url: str,
    now: datetime,
    guard: SpendGuard | None = None,
    need: Need = Need.CALL,
) -> Outcome:
    """Ring `request.to_number` once. Asked again with the same key it answers what is known, and rings nobody.

    Raises Conflict when the key was used for another wish, what the guard of the business's money says, and what the carrier's refusal
    means. After a word of the guard's the same key works once there is money: the carrier was not asked. When the carrier did not answer
    the outcome is UNKNOWN: the attempt stays on record and its hooks settle it.
    """
    wanted = attempt_of(request, now)
    business_id = request.line.business_id
    label = label_of(business_id, request.idempotency_key)
    attempt = store.create_call(wanted)
    if _wish(attempt) != _wish(wanted):
        raise Conflict("idempotency_key_reused", "this Idempotency-Key belongs to another request")
    if outcome_of(attempt).progress is not Progress.UNKNOWN:
        return outcome_of(attempt)  # whether there is money for another call is nothing to it
    if guard is not None:
        guard.admit(business_id, label, request.to_number, need, now)  # once for a label
    if not store.first_sight(attempt.session_id, _ASKED, now):
        return outcome_of(attempt)
    try:
        placed = telephony.place_call(
            from_number=request.line.number,
            to_number=request.to_number,
            voice_callback_url=voice_callback_url,
            client_request_id=label,
            idempotency_key=label,
        )
    except Indeterminate:
        if guard is not None:
            guard.unsure(business_id, label, now)
        return outcome_of(attempt)
    except CallError as error:
        if guard is not None:
            guard.release(business_id, label, now)
        store.put_call(replace(attempt, status=CallStatus.FAILED, ended_at=now, hangup_cause=error.code))
        raise
    known = replace(attempt, carrier_call_id=placed.call_id, placed_as=placed.session_id)
    _remember(store, known)
    return replace(outcome_of(known), progress=Progress.RINGING)


def outcome_of(attempt: Call) -> Outcome:
    """What a stored attempt tells about itself."""
    is_known = attempt.carrier_call_id is not None or attempt.placed_as is not None
    progress = Progress.RINGING if is_known else Progress.UNKNOWN
    if attempt.status is CallStatus.FAILED:
        progress = Progress.FAILED
    return Outcome(
        client_request_id=attempt.client_request_id or "",
        session_id=attempt.placed_as,
        call_id=attempt.carrier_call_id,
        progress=progress,
    )


def _wish(attempt: Call) -> tuple[object, ...]:
    return attempt.b_number, attempt.agent, attempt.open_metadata


def _remember(store: CallStore, attempt: Call) -> None:
    """Keep the carrier's ids with the attempt. The telephone rings already: failing to note them must not look like failing to ring
    it, or the asker would try again. Without the note the attempt reads as unknown until its hook comes; a Conflict means it came."""
    try:
        store.put_call(attempt)
    except (Unavailable, Indeterminate, Conflict):
        return
