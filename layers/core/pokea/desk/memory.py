"""What this call remembers of its caller: read, and changed by whichever tool comes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pokea.call_memory import MEMORY, CallMemory
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit
from pokea.ports import Change


def memory_of(visit: Visit) -> CallMemory:
    stored = visit.store.record(MEMORY, visit.caller.business_id, visit.caller.session_id)
    return stored or CallMemory(
        business_id=visit.caller.business_id,
        session_id=visit.caller.session_id,
        began_at=visit.now,
        expires=visit.desk.profile.retention.transcript_until(visit.now),
    )


def remember(visit: Visit, change: Callable[[CallMemory], CallMemory]) -> CallMemory:
    """The memory after `change`, decided again on fresh state whenever somebody else wrote first."""

    def decide() -> Decision[CallMemory]:
        before = memory_of(visit)
        after = change(before)
        if after == before:
            return Decision(before)
        return Decision(replace(after, version=after.version + 1), Change(records=(MEMORY.of(after),)))

    return settle(visit.store, decide)
