"""Callback tasks: a caller whom we owe a call, because the carrier could never connect them to our bridge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pokea.calls import Call, Direction
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackTask:
    """For a person of the business, or later for an agent. One per lost call."""

    session_id: SessionId
    business_id: BusinessId
    number: E164 | None  # None when withheld: the task still says that somebody tried
    reason: str
    created_at: datetime


class CallbackTasks(Protocol):
    def add(self, task: CallbackTask) -> bool:
        """Keep `task`. False if the call already has one. Raises Unavailable or Indeterminate."""


def callback_owed(call: Call, now: datetime) -> CallbackTask | None:
    """The task that a call leaves when its stream failed before any bridge had opened it; None for every other call."""
    if call.stream_failed is None or call.opened_at is not None:
        return None
    number = call.b_number if call.direction is Direction.OUTBOUND else call.a_number
    return CallbackTask(
        session_id=call.session_id,
        business_id=call.business_id,
        number=number,
        reason=call.stream_failed,
        created_at=now,
    )
