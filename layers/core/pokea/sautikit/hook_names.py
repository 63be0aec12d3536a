"""The names a hook may use, as data: the first name of each row is the one live hooks carry, the others are tolerated.

The carrier forwards its switch's own form unchanged on the voice URL, wraps it in one of two JSON envelopes on the events URL, and
its guides print a third set of names.
"""

from __future__ import annotations

from enum import StrEnum


class HookState(StrEnum):
    """What a hook reports. `UNKNOWN` is a word we have never seen."""

    RINGING = "ringing"
    ANSWERED = "answered"
    STREAM_STARTED = "stream_started"
    STREAM_STOPPED = "stream_stopped"
    STREAM_ERROR = "stream_error"
    DIAL_COMPLETED = "dial_completed"
    COMPLETED = "completed"
    FAILED = "failed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELED = "canceled"
    OTHER = "other"  # known and of no consequence for a call: recordings, supervision, numbers, wallet
    UNKNOWN = "unknown"


STREAM_STATES = frozenset({HookState.STREAM_STARTED, HookState.STREAM_STOPPED, HookState.STREAM_ERROR})
TERMINAL_STATES = frozenset(
    {HookState.COMPLETED, HookState.FAILED, HookState.BUSY, HookState.NO_ANSWER, HookState.CANCELED}
)

SESSION = ("sessionId", "SessionId", "session_id", "pbx_call_id", "pbxCallId")
EITHER_ID = ("CallSid", "callSid", "call_sid", "call_id", "callId", "CallId", "id")  # a session id or a REST uuid
STREAM_NAME = ("name", "streamName", "StreamName", "stream_name")  # we name a stream after its session
STREAM_ID = ("streamSid", "StreamSid", "stream_sid")
A_NUMBER = ("callerNumber", "CallerNumber", "caller_number", "From", "from")
B_NUMBER = ("destinationNumber", "DestinationNumber", "destination_number", "clientDialedNumber", "To", "to")
CALL_STATE = ("callSessionState", "CallSessionState", "call_session_state")
STREAM_STATE = ("streamEvent", "StreamEvent", "stream_event", "streamStatus", "StreamStatus", "stream_status")
EVENT_KIND = ("kind", "event_kind", "eventKind", "event")
STATUS = ("status", "Status", "callStatus", "CallStatus")
ACTIVE = ("isActive", "is_active")
DIRECTION = ("direction", "Direction")
DURATION = ("durationInSeconds", "duration_seconds", "durationSeconds", "Duration", "duration")
LABEL = ("clientRequestId", "client_request_id", "ClientRequestId")
CAUSE = (
    "hangup_cause",
    "hangupCause",
    "HangupCause",
    "failure_reason",
    "failureReason",
    "failure_code",
    "reason",
    "error",
    "message",
)
DIAL_STATUS = ("dialCallStatus", "DialCallStatus", "dial_call_status", "dialStatus", "DialStatus", "dial_status")
EVENT_ID = ("event_id", "eventId", "EventId")
OCCURRED_AT = ("occurred_at", "occurredAt")
ANSWERED_AT = ("answered_at", "answeredAt")
ENDED_AT = ("ended_at", "endedAt")
ENVELOPES = ("data", "payload", "call")

EVENT_KIND_HEADERS = ("x-sautikit-event", "x-sautikit-event-kind")
EVENT_ID_HEADERS = ("x-sautikit-event-id", "x-sautikit-idempotency-key")

# Compared without case and punctuation: "stream-started", "StreamStarted" and "stream_started" are one word.
STATES: dict[str, HookState] = {
    "ringing": HookState.RINGING,
    "started": HookState.RINGING,
    "callstarted": HookState.RINGING,
    "initiated": HookState.RINGING,
    "answered": HookState.ANSWERED,
    "callanswered": HookState.ANSWERED,
    "inprogress": HookState.ANSWERED,
    "active": HookState.ANSWERED,
    "streamstarted": HookState.STREAM_STARTED,
    "streamstopped": HookState.STREAM_STOPPED,
    "streamerror": HookState.STREAM_ERROR,
    "streamfailed": HookState.STREAM_ERROR,
    "streamstart": HookState.STREAM_STARTED,
    "streamstop": HookState.STREAM_STOPPED,
    "streamended": HookState.STREAM_STOPPED,
    "streamcompleted": HookState.STREAM_STOPPED,
    "dialcompleted": HookState.DIAL_COMPLETED,
    "completed": HookState.COMPLETED,
    "callcompleted": HookState.COMPLETED,
    "ended": HookState.COMPLETED,
    "hangup": HookState.COMPLETED,
    "hungup": HookState.COMPLETED,
    "failed": HookState.FAILED,
    "callfailed": HookState.FAILED,
    "busy": HookState.BUSY,
    "userbusy": HookState.BUSY,
    "noanswer": HookState.NO_ANSWER,
    "canceled": HookState.CANCELED,
    "cancelled": HookState.CANCELED,
    "originatorcancel": HookState.CANCELED,
    "callrecordingready": HookState.OTHER,
}
OTHER_KINDS = ("callsupervision", "number", "wallet", "storage", "whatsapp")
