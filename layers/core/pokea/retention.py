"""How long what a call leaves is kept, and whether its sound is kept at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Recording(StrEnum):
    """A business's rule about recording its calls."""

    OFF = "off"
    NOTICE = "notice"  # the greeting says so; recorded once that was heard, until the caller objects
    ASK = "ask"  # recorded only after the caller said yes


RECORDING_TOOL = (
    "recordingConsent"  # by which a caller's word on it comes; the bridge obeys a no before it is written down
)
RECORDING_DAYS = (7, 30, 90, 365)  # the storage forgets by class, so there are few


@dataclass(frozen=True, slots=True)
class Retention:
    """`transcript_days`: of the words and of everything drawn from them; `recording_days`: one of `RECORDING_DAYS`."""

    transcript_days: int = 30
    recording_days: int = 30

    def transcript_until(self, ended_at: datetime) -> datetime:
        return ended_at + timedelta(days=self.transcript_days)

    def recording_until(self, ended_at: datetime) -> datetime:
        return ended_at + timedelta(days=self.recording_days)
