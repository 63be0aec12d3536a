"""One phone call and how facts about it move its state.

The table below is the whole machine. Facts come at least once and in any order, so every change only ever moves a call up one order
of states, and every field is merged by a rule that does not depend on who spoke first: any order of the same facts gives the same
call. A fact that changes nothing returns the very same object, so a caller can skip the write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pokea.admission import REFUSED, Admission
from pokea.call_status import TERMINAL, CallStatus
from pokea.clock import as_utc
from pokea.errors import Conflict
from pokea.events import (
    CallAnswered,
    CallEnded,
    CallFact,
    CallRang,
    CarrierIdLearned,
    DialEnded,
    StreamFailed,
    StreamStarted,
    StreamStopped,
)
from pokea.ids import BusinessId, CallId, SessionId
from pokea.onward import Onward
from pokea.phone_numbers import E164

__all__ = [
    "TABLE",
    "TERMINAL",
    "Call",
    "CallStatus",
    "Direction",
    "Kind",
    "admitted",
    "apply",
    "diagram",
    "is_over",
    "is_turned_away",
    "issue",
    "opened",
]


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


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
    placed_as: SessionId | None = None  # of an attempt: the call that it became
    relay: str = ""  # where the bridge that opened the call can be reached by another one
    onward: Onward | None = None  # whom the carrier is to dial once the stream is closed
    admission: Admission | None = None  # None: not decided, or not asked for
    seated_at: datetime | None = None  # when a seat was taken for it
    version: int = 0  # 0 = never stored


class Kind(StrEnum):
    """What a fact is to the table. A broken stream is two kinds: it ends a call that nobody ever spoke in, and only marks another."""

    RANG = "rang"
    ANSWERED = "answered"
    STREAM_STARTED = "stream started"
    STREAM_STOPPED = "stream stopped"
    STREAM_FAILED_UNOPENED = "stream failed, never opened"
    STREAM_FAILED_OPENED = "stream failed after opening"
    ENDED_COMPLETED = "ended completed"
    ENDED_CANCELED = "ended canceled"
    ENDED_NO_ANSWER = "ended no answer"
    ENDED_BUSY = "ended busy"
    ENDED_FAILED = "ended failed"
    CARRIER_ID = "carrier id learned"
    DIAL_ENDED = "dial ended"


_R, _A, _C, _X, _N, _B, _F = _STATES = (
    CallStatus.RINGING,
    CallStatus.ANSWERED,
    CallStatus.COMPLETED,
    CallStatus.CANCELED,
    CallStatus.NO_ANSWER,
    CallStatus.BUSY,
    CallStatus.FAILED,
)

# One row per kind, one column per present state; a cell equal to its column is an explicit no-op (late or duplicate).
# Where two witnesses contradict each other about the end, the state further right stands, whoever spoke first.
_ROWS = {
    # present state:              ringing answered completed canceled no_answer busy failed
    Kind.RANG: (_R, _A, _C, _X, _N, _B, _F),
    Kind.ANSWERED: (_A, _A, _C, _X, _N, _B, _F),
    Kind.STREAM_STARTED: (_A, _A, _C, _X, _N, _B, _F),
    Kind.STREAM_STOPPED: (_R, _A, _C, _X, _N, _B, _F),
    Kind.STREAM_FAILED_UNOPENED: (_F, _F, _F, _F, _F, _F, _F),
    Kind.STREAM_FAILED_OPENED: (_R, _A, _C, _X, _N, _B, _F),
    Kind.ENDED_COMPLETED: (_C, _C, _C, _X, _N, _B, _F),
    Kind.ENDED_CANCELED: (_X, _X, _X, _X, _N, _B, _F),
    Kind.ENDED_NO_ANSWER: (_N, _N, _N, _N, _N, _B, _F),
    Kind.ENDED_BUSY: (_B, _B, _B, _B, _B, _B, _F),
    Kind.ENDED_FAILED: (_F, _F, _F, _F, _F, _F, _F),
    Kind.CARRIER_ID: (_R, _A, _C, _X, _N, _B, _F),
    Kind.DIAL_ENDED: (_R, _A, _C, _X, _N, _B, _F),
}
TABLE: dict[tuple[CallStatus, Kind], CallStatus] = {
    (state, kind): row[column] for kind, row in _ROWS.items() for column, state in enumerate(_STATES)
}

_KIND_OF_FACT: dict[type[CallFact], Kind] = {
    CallRang: Kind.RANG,
    CallAnswered: Kind.ANSWERED,
    StreamStarted: Kind.STREAM_STARTED,
    StreamStopped: Kind.STREAM_STOPPED,
    CarrierIdLearned: Kind.CARRIER_ID,
    DialEnded: Kind.DIAL_ENDED,
}
_KIND_OF_END = {
    CallStatus.COMPLETED: Kind.ENDED_COMPLETED,
    CallStatus.CANCELED: Kind.ENDED_CANCELED,
    CallStatus.NO_ANSWER: Kind.ENDED_NO_ANSWER,
    CallStatus.BUSY: Kind.ENDED_BUSY,
    CallStatus.FAILED: Kind.ENDED_FAILED,
}


def apply(call: Call, fact: CallFact) -> Call:
    """`call` after `fact`; the same object when nothing changed. Never raises: there is no fact that a call may not hear."""
    moved = replace(_merged(call, fact), status=TABLE[call.status, _kind(call, fact)])
    return call if moved == call else moved


def issue(call: Call, at: datetime) -> Call:
    """The Stream document of `call` was made. A repeated hook keeps the first time, so its token is the same byte for byte."""
    return call if call.stream_issued_at is not None else replace(call, stream_issued_at=as_utc(at))


def admitted(call: Call, admission: Admission, at: datetime) -> Call:
    """`call` once it is decided whether it is invited. One that is not has no Stream document, whatever an event had announced."""
    if admission in REFUSED:
        return replace(call, admission=admission, stream_issued_at=None)
    return replace(call, admission=admission, seated_at=as_utc(at) if admission is Admission.SEATED else None)


def is_turned_away(call: Call) -> bool:
    return call.admission in REFUSED


def opened(call: Call, at: datetime, relay: str = "") -> Call:
    """A bridge, which others reach at `relay`, consumed the stream token. Raises Conflict: "token_used" the second time, "call_over"
    after the end."""
    if call.opened_at is not None:
        raise Conflict("token_used", "the stream of this call is already open")
    if is_over(call):
        raise Conflict("call_over", "the call has already ended")
    return replace(call, opened_at=as_utc(at), relay=relay)


def is_over(call: Call) -> bool:
    return call.status in TERMINAL


def diagram() -> str:
    """The table as a Mermaid state diagram. No-ops are left out: every pair that is not drawn keeps its state."""
    drawn: dict[tuple[CallStatus, CallStatus], list[str]] = {}
    for (state, kind), after in TABLE.items():
        if after is not state:
            drawn.setdefault((state, after), []).append(kind.value)
    lines = ["stateDiagram-v2", "    [*] --> ringing"]
    for (state, after), kinds in sorted(drawn.items(), key=lambda item: [_STATES.index(end) for end in item[0]]):
        lines.append(f"    {state.value} --> {after.value}: {' / '.join(kinds)}")
    lines += [f"    {state.value} --> [*]" for state in _STATES if state in TERMINAL]
    return "\n".join(lines) + "\n"


def _kind(call: Call, fact: CallFact) -> Kind:
    if isinstance(fact, CallEnded):
        return _KIND_OF_END[fact.status]
    if isinstance(fact, StreamFailed):
        return Kind.STREAM_FAILED_UNOPENED if call.opened_at is None else Kind.STREAM_FAILED_OPENED
    return _KIND_OF_FACT[type(fact)]


def _merged(call: Call, fact: CallFact) -> Call:
    """The fields that `fact` speaks of, merged so that order and repetition do not matter."""
    if isinstance(fact, CallAnswered | StreamStarted):
        return _timed(call, answered=as_utc(fact.at), ended=call.ended_at)
    if isinstance(fact, StreamFailed):
        return replace(call, stream_failed=_settled(call.stream_failed, fact.reason))
    if isinstance(fact, CarrierIdLearned):
        return replace(call, carrier_call_id=CallId(_settled(call.carrier_call_id, fact.call_id)))
    if isinstance(fact, DialEnded):
        return _dialled(call, fact)
    if isinstance(fact, CallEnded):
        timed = _timed(call, answered=None, ended=_earlier(call.ended_at, as_utc(fact.at)))
        cause = call.hangup_cause if fact.hangup_cause is None else _settled(call.hangup_cause, fact.hangup_cause)
        return replace(timed, duration_s=_longer(call.duration_s, fact.duration_s), hangup_cause=cause)
    return call


def _dialled(call: Call, fact: DialEnded) -> Call:
    """What came of the carrier's own dialling; where it was never told to dial, nothing is known to have come of it."""
    if call.onward is None:
        return call
    settled = CallStatus(_settled(call.onward.outcome, fact.status))
    return replace(call, onward=replace(call.onward, outcome=settled))


def _timed(call: Call, answered: datetime | None, ended: datetime | None) -> Call:
    """An answer that is reported only after the end was still not given later than the end."""
    at = _earlier(call.answered_at, answered)
    if at is not None and ended is not None:
        at = min(at, ended)
    return replace(call, answered_at=at, ended_at=ended)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    times = [at for at in (one, other) if at is not None]
    return min(times, default=None)


def _longer(one: int | None, other: int | None) -> int | None:
    return max((seconds for seconds in (one, other) if seconds is not None), default=None)


def _settled(one: str | None, other: str) -> str:
    """Contradicting words: one of them, whoever spoke first. The audit keeps both; the aggregate only has to be stable."""
    return other if one is None else min(one, other)
