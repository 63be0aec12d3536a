"""The states of a call, apart from the call itself so that facts can name them."""

from __future__ import annotations

from enum import StrEnum


class CallStatus(StrEnum):
    RINGING = "ringing"
    ANSWERED = "answered"  # the carrier or an open media stream says that somebody is on the line
    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    CANCELED = "canceled"


TERMINAL = frozenset(
    {CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.NO_ANSWER, CallStatus.BUSY, CallStatus.CANCELED}
)
