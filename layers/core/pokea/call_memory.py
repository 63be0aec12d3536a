"""What one call knows about its caller so far: on our side, so that no model can write it and no bridge can lose it.

`notes` is an agent's own (JSON values by name): the questions that were answered, the step of a guided fix. It is not a place for what has
to be found again later: that is a record of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pokea.ids import BusinessId, SessionId
from pokea.privacy import Pii
from pokea.records import Kind

MEMORY_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMemory:
    business_id: BusinessId
    session_id: SessionId
    began_at: datetime
    language: str = ""  # the one the caller chose; "" until then
    account: str = ""  # key of the account that two factors have opened
    notes: Mapping[str, object] = field(default_factory=dict)
    version: int = 0

    def noted(self, **notes: object) -> CallMemory:
        return replace(self, notes={**self.notes, **notes})


MEMORY: Kind[CallMemory] = Kind(
    "memory",
    CallMemory,
    key=lambda memory: memory.session_id,
    privacy={
        "business_id": Pii.ID,
        "session_id": Pii.ID,
        "began_at": Pii.NONE,
        "language": Pii.NONE,
        "account": Pii.ID,
        "notes": Pii.SPEECH,
        "version": Pii.NONE,
    },
    kept_until=lambda memory: memory.began_at + MEMORY_KEPT,
)
