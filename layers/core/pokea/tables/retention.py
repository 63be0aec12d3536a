"""`[retention]`: how long a business keeps what its calls leave."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from pokea.retention import RECORDING_DAYS, Recording, Retention
from pokea.tables.base import Table


def _recording(text: str) -> str:
    if text not in set(Recording):
        raise ValueError(f"must be one of {', '.join(Recording)}")
    return text


def _kept(days: int) -> int:
    if days not in RECORDING_DAYS:
        raise ValueError(f"must be one of {', '.join(str(days) for days in RECORDING_DAYS)}")
    return days


RecordingRule = Annotated[str, AfterValidator(_recording)]


class RetentionTable(Table):
    transcript_days: Annotated[int, Field(ge=1, le=365)] = 30
    recording_days: Annotated[int, AfterValidator(_kept)] = 30

    def rules(self) -> Retention:
        return Retention(self.transcript_days, self.recording_days)
