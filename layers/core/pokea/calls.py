"""One phone call and how facts about it move its state. The transition table follows in this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pokea.ids import BusinessId, CallId, SessionId
from pokea.phone_numbers import E164


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallStatus(StrEnum):
    RINGING = "ringing"
    ANSWERED = "answered"  # the carrier or an open media stream says that somebody is on the line
    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The call aggregate. `session_id` is its key; every datetime is aware and in UTC."""

    session_id: SessionId
    business_id: BusinessId
    agent: str  # which agent answers: "booking"
    direction: Direction
    a_number: E164 | None  # the calling party; None when withheld. A claim, never proof of identity.
    b_number: E164
    status: CallStatus
    created_at: datetime
    stream_issued_at: datetime | None = None  # when the Stream document was made: the stream token's birth
    opened_at: datetime | None = None  # when a bridge consumed the stream token: at most once
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    carrier_call_id: CallId | None = None
    client_request_id: str | None = None  # our label of an outbound attempt, echoed by the carrier
    open_metadata: str = ""  # context for the agent; opaque to the carrier
    duration_s: int | None = None  # the carrier's word on the talk time
    hangup_cause: str | None = None
    stream_failed: str | None = None  # why the media stream never connected or broke
    version: int = 0  # 0 = never stored
