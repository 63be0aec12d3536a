"""Facts about a call, in the past tense. A fact says what a witness reported; `calls.apply` says what follows from it.

Facts arrive at least once and in any order. Every `at` is aware and in UTC: the witness's own time where it gave one, else the time
of receipt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pokea.call_status import TERMINAL, CallStatus
from pokea.errors import Misuse
from pokea.ids import CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRang:
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered:
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStarted:
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStopped:
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFailed:
    """The carrier could not connect the media stream, or lost it. `reason` is a short code or the carrier's own words."""

    at: datetime
    reason: str = "stream_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The carrier says that the call is over. `status` must be a terminal one. `duration_s` is its word on the talk time."""

    at: datetime
    status: CallStatus
    duration_s: int | None = None
    hangup_cause: str | None = None

    def __post_init__(self) -> None:
        if self.status not in TERMINAL:
            raise Misuse("not_an_end", f"{self.status.value} does not end a call")
        if self.duration_s is not None and self.duration_s < 0:
            raise Misuse("negative_duration", "a call cannot last less than nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierIdLearned:
    """The carrier's REST id of this call became known."""

    at: datetime
    call_id: CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class DialEnded:
    """The carrier's own dialling of a second leg is over. `status`: how that leg ended, completed where nothing says otherwise."""

    at: datetime
    status: CallStatus = CallStatus.COMPLETED

    def __post_init__(self) -> None:
        if self.status not in TERMINAL:
            raise Misuse("not_an_end", f"{self.status.value} does not end a dialled leg")


CallFact = (
    CallRang | CallAnswered | StreamStarted | StreamStopped | StreamFailed | CallEnded | CarrierIdLearned | DialEnded
)
