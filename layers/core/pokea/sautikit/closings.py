"""The bridge's own word on how a call ended: the first witness, beside the carrier's hooks and its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from pokea.billing.usage import CallShares, ModelUsage
from pokea.call_status import CallStatus
from pokea.calls import Call, Direction, is_turned_away
from pokea.events import CallEnded
from pokea.ids import BusinessId, SessionId
from pokea.turn_latency import TurnLatency

CLOSE_COMES_WITHIN_S = 300  # of the carrier's word that a call is over; later nobody will tell how it ended
DIAL_SETTLES_S = 60  # after the telephone has stopped ringing
MAX_TRANSCRIPT_CHARS = 200_000  # an hour of quick talk is about 60,000


class CloseReason(StrEnum):
    GOODBYE = "goodbye"
    CALLER_HUNG_UP = "caller_hung_up"
    IDLE = "idle"
    MAX_DURATION = "max_duration"
    FRUITLESS = "fruitless"  # the same over and over, or dearer than a call may be
    BRIDGE_ERROR = "bridge_error"
    MODEL_LOST = "model_lost"
    HANDED_OVER = "handed_over"  # a person took over
    TURNED_AWAY = "turned_away"  # no bridge was asked: every place was taken, or too many rang
    MACHINE = "machine"  # an answering machine or a fax picked up


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance as it was heard: the agent's only as far as the caller heard it."""

    who: Literal["agent", "caller"]
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One tool call as the bridge saw it: asked for at `at_ms`, answered `took_ms` later with `status`."""

    name: str
    status: str
    took_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Fact:
    """What a tool was asked and what it answered, as far as the bridge kept it."""

    tool: str
    arguments: Mapping[str, object]
    result: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RecordingPointer:
    """Where the sound of a call is. `key` is the same in the storage and in the bridge's spool."""

    key: str
    size_bytes: int
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """`truncated` tells that the transcript was cut to what can be kept: its latest part.

    latency_ms: of each turn, from the caller's last speech to the first sample of the answer heard. turns: what that was made of.
    handoff: id of the hand-off that the call ended in or tried last. kept_until: when it may be tidied away. usage: what each model
    counted. shares: how the time was spent.
    answerer: who picked up a placed call, as the bridge heard it: "person", "machine", "fax", "silence", or "" where nobody judged it.
    What follows `closed_at` is unknown of calls on older bridges.
    """

    session_id: SessionId
    business_id: BusinessId
    reason: CloseReason
    duration_ms: int
    transcript: tuple[Said, ...]
    truncated: bool
    closed_at: datetime
    language: str = ""
    latency_ms: tuple[int, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    facts: tuple[Fact, ...] = ()
    recording: RecordingPointer | None = None
    handoff: str | None = None
    kept_until: datetime | None = None
    usage: tuple[ModelUsage, ...] = ()
    shares: CallShares | None = None
    answerer: str = ""
    turns: tuple[TurnLatency, ...] = ()


class Closings(Protocol):
    def add(self, closing: Closing) -> bool:
        """Keep `closing`. False if the call already has one: the first stands. Raises Unavailable or Indeterminate."""

    def closing(self, session_id: SessionId) -> Closing | None: ...


def closing_of_silence(call: Call, now: datetime, kept_until: datetime) -> Closing:
    """In place of what no bridge told: one that had the call is lost, and where none had it the caller left, or nobody picked up."""
    reason = CloseReason.IDLE if call.direction is Direction.OUTBOUND else CloseReason.CALLER_HUNG_UP
    if call.opened_at is not None or call.stream_failed is not None:
        reason = CloseReason.BRIDGE_ERROR
    elif is_turned_away(call):
        reason = CloseReason.TURNED_AWAY
    ended_at = call.ended_at or now
    seconds = (
        (ended_at - (call.answered_at or ended_at)).total_seconds() if call.duration_s is None else call.duration_s
    )
    return Closing(
        session_id=call.session_id,
        business_id=call.business_id,
        reason=reason,
        duration_ms=max(0, round(seconds * 1_000)),
        transcript=(),
        truncated=False,
        closed_at=ended_at,
        kept_until=kept_until,
    )


def kept(transcript: Sequence[Said]) -> tuple[tuple[Said, ...], bool]:
    """The latest utterances that fit, and whether any had to go."""
    room = MAX_TRANSCRIPT_CHARS
    for index in range(len(transcript) - 1, -1, -1):
        room -= len(transcript[index].text)
        if room < 0:
            return tuple(transcript[index + 1 :]), True
    return tuple(transcript), False


def recording_key(business_id: str, day: str, session_id: str) -> str:
    return f"recordings/{business_id}/{day}/{session_id}.wav"


def own_recording(pointer: RecordingPointer | None, business_id: str, session_id: str) -> RecordingPointer | None:
    """`pointer` if it can be that of this call: a bridge names the recordings of its own calls only."""
    if pointer is None:
        return None
    day = pointer.key.split("/")[2] if pointer.key.count("/") == 3 else ""
    return pointer if pointer.key == recording_key(business_id, day, session_id) else None


def end_of(closing: Closing) -> CallEnded:
    """The same as a fact about the call. The talk time is left to the carrier, who bills by it."""
    return CallEnded(at=closing.closed_at, status=CallStatus.COMPLETED, hangup_cause=closing.reason.value)
