"""Callback tasks: a caller whom we owe a call, because the carrier could never connect them to our bridge, or our bridge to any model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pokea.calls import Call, Direction, is_turned_away
from pokea.ids import BusinessId, SessionId
from pokea.lines import INTERNAL_AGENTS
from pokea.phone_numbers import E164
from pokea.sautikit.closings import CloseReason, Closing

TASK_KEPT = timedelta(days=90)
_NOTES_KEPT = 20
_NOTE_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackTask:
    """For a person of the business, or later for an agent. One per lost call."""

    session_id: SessionId
    business_id: BusinessId
    number: E164 | None  # None when withheld: the task still says that somebody tried
    reason: str
    created_at: datetime
    notes: tuple[str, ...] = ()  # what the call had come to, a line each, latest last
    done_at: datetime | None = None  # when the business had called back
    expires: datetime | None = None  # when it may be tidied away; after TASK_KEPT where nothing is said


class CallbackTasks(Protocol):
    def add(self, task: CallbackTask) -> bool:
        """Keep `task`. False if the call already has one. Raises Unavailable or Indeterminate."""


class CallbackQueue(Protocol):
    """The other end: who works the tasks off."""

    def of_business(self, business_id: BusinessId) -> tuple[CallbackTask, ...]: ...

    def done(self, business_id: BusinessId, session_id: SessionId, at: datetime) -> bool:
        """Mark the task of a call as done, once. False if there is none."""


def callback_owed(call: Call, now: datetime) -> CallbackTask | None:
    """The task that a call leaves when its stream failed before any bridge had opened it; None for every other call."""
    if call.stream_failed is None or call.opened_at is not None or call.agent in INTERNAL_AGENTS:
        return None
    return _task(call, call.stream_failed, (), now)


def callback_turned_away(call: Call, now: datetime) -> CallbackTask | None:
    """The task that a call leaves which no bridge was asked to take."""
    if call.admission is None or not is_turned_away(call) or call.agent in INTERNAL_AGENTS:
        return None
    return _task(call, f"turned_away_{call.admission.value}", (), now)


def may_owe(closing: Closing) -> bool:
    """Whether a call that ended so can have left a task."""
    is_cut = closing.reason is CloseReason.BRIDGE_ERROR and closing.handoff is not None
    return is_cut or closing.reason is CloseReason.MODEL_LOST


def callback_after(call: Call, closing: Closing, facts: Iterable[str], now: datetime) -> CallbackTask | None:
    """The task that a call leaves which lost every model, or lost the person it was handed over to: what the caller wanted is not done.
    `facts`: what tools were asked and answered, a line each."""
    if not may_owe(closing) or call.agent in INTERNAL_AGENTS:
        return None
    said = [f"{line.who}: {line.text}" for line in closing.transcript]
    task = _task(call, closing.reason.value, [*said[-_NOTES_KEPT // 2 :], *facts], now)
    return replace(task, expires=closing.kept_until)


def callback_orphaned(call: Call, done: Iterable[str], now: datetime, until: datetime) -> CallbackTask | None:
    """The task that a call leaves whose bridge died under it. `done`: what its tools had answered, a line each."""
    if call.opened_at is None or call.agent in INTERNAL_AGENTS:
        return None
    return replace(_task(call, "bridge_lost", done, now), expires=until)


def callback_undialled(call: Call, closing: Closing, now: datetime, until: datetime) -> CallbackTask:
    """The task that a call leaves which the carrier was to connect to a person, and connected to nobody."""
    outcome = call.onward.outcome if call.onward is not None else None
    reason = f"dial_{outcome.value}" if outcome is not None else "not_dialled"
    said = [f"{line.who}: {line.text}" for line in closing.transcript]
    return replace(_task(call, reason, said, now), expires=until)


def _task(call: Call, reason: str, notes: Iterable[str], now: datetime) -> CallbackTask:
    return CallbackTask(
        session_id=call.session_id,
        business_id=call.business_id,
        number=call.b_number if call.direction is Direction.OUTBOUND else call.a_number,
        reason=reason,
        created_at=now,
        notes=tuple(note[:_NOTE_CHARS] for note in [*notes][-_NOTES_KEPT:]),
    )
