"""The bridge's own word on how a call ended: the first witness, beside the carrier's hooks and its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from pokea.call_status import CallStatus
from pokea.events import CallEnded
from pokea.ids import BusinessId, SessionId

MAX_TRANSCRIPT_CHARS = 200_000  # an hour of quick talk is about 60,000


class CloseReason(StrEnum):
    GOODBYE = "goodbye"
    CALLER_HUNG_UP = "caller_hung_up"
    IDLE = "idle"
    MAX_DURATION = "max_duration"
    BRIDGE_ERROR = "bridge_error"
    MODEL_LOST = "model_lost"


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance as it was heard: the agent's only as far as the caller heard it."""

    who: Literal["agent", "caller"]
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """`truncated` tells that the transcript was cut to what can be kept: its latest part."""

    session_id: SessionId
    business_id: BusinessId
    reason: CloseReason
    duration_ms: int
    transcript: tuple[Said, ...]
    truncated: bool
    closed_at: datetime


class Closings(Protocol):
    def add(self, closing: Closing) -> bool:
        """Keep `closing`. False if the call already has one: the first stands. Raises Unavailable or Indeterminate."""


def kept(transcript: Sequence[Said]) -> tuple[tuple[Said, ...], bool]:
    """The latest utterances that fit, and whether any had to go."""
    room = MAX_TRANSCRIPT_CHARS
    for index in range(len(transcript) - 1, -1, -1):
        room -= len(transcript[index].text)
        if room < 0:
            return tuple(transcript[index + 1 :]), True
    return tuple(transcript), False


def end_of(closing: Closing) -> CallEnded:
    """The same as a fact about the call. The talk time is left to the carrier, who bills by it."""
    return CallEnded(at=closing.closed_at, status=CallStatus.COMPLETED, hangup_cause=closing.reason.value)
