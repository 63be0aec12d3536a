"""What one call knows about its caller so far: on our side, so that no model can write it and no bridge can lose it.

`notes` is an agent's own (JSON values by name): the questions that were answered, the step of a guided fix. It is not a place for what has
to be found again later: that is a record of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pokea.ids import BusinessId, SessionId
from pokea.privacy import Pii
from pokea.records import Kind

MEMORY_KEPT = timedelta(days=30)
MAX_DONE = 12
MAX_DONE_CHARS = 200
MAX_NAME_CHARS = 80
_ON_THE_WAY = frozenset({"ask", "proposed", "connecting"})  # nothing has come of it yet
_WORD = re.compile(r"(?<=[a-z])([A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMemory:
    business_id: BusinessId
    session_id: SessionId
    began_at: datetime
    language: str = ""  # the one the caller chose; "" until then
    account: str = ""  # key of the account that two factors have opened
    notes: Mapping[str, object] = field(default_factory=dict)
    said_name: str = ""  # the latest name that the caller gave a tool
    done: tuple[str, ...] = ()  # what the call's tools answered, a line each, latest last: for a person who takes over
    expires: datetime | None = None  # when it may be tidied away, as the business wants it
    version: int = 0

    def with_result(self, tool: str, arguments: Mapping[str, object], payload: Mapping[str, object]) -> CallMemory:
        """Keeps what a tool answered, never what it was asked with: that may have been a secret. A name is what callers are known by."""
        status = str(payload.get("status", ""))
        did = _WORD.sub(r" \1", tool).capitalize()  # "findTimes": "Find times"
        line = f"{did}: {payload.get('say') or status}"[:MAX_DONE_CHARS]
        name = arguments.get("name")
        said_name = (
            " ".join(name.split())[:MAX_NAME_CHARS] if isinstance(name, str) and name.strip() else self.said_name
        )
        return replace(
            self, said_name=said_name, done=self.done if status in _ON_THE_WAY else (*self.done, line)[-MAX_DONE:]
        )

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
        "said_name": Pii.NAME,
        "done": Pii.SPEECH,
        "expires": Pii.NONE,
        "version": Pii.NONE,
    },
    kept_until=lambda memory: memory.expires or memory.began_at + MEMORY_KEPT,
)
