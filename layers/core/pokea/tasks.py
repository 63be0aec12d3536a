"""What a business owes people who were told that it will call: messages, freed times, calls that were lost, leads that said when.

Whoever works a task off marks it as done. Nothing here rings anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from pokea.consent import is_suppressed
from pokea.desk.settle import Decision, settle
from pokea.hours import local
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD, OWED, Lead
from pokea.messages import MESSAGE, Message, MessageState, messages_of_day
from pokea.phone_numbers import E164
from pokea.ports import Change, Records, Store
from pokea.records import Stored
from pokea.sautikit.callbacks import CallbackQueue, CallbackTask
from pokea.waiting import WAITING, Waiting, WaitingState, waiting_in_state

DAYS_BACK = 14  # of messages, where no day is asked for: they are found by their day


class TaskKind(StrEnum):
    MESSAGE = "message"
    WAITING = "waiting"  # a time became free for somebody on the waiting list
    CALLBACK = "callback"  # a call that was lost
    LEAD = "lead"  # who asked to be called at another time, or was worth a person when none was free


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One person to call. `due`: the freed time, or when a lead wants to be called; `number`: None where it was withheld."""

    kind: TaskKind
    task_id: str
    created_at: datetime
    number: E164 | None
    name: str = ""
    text: str = ""
    notes: tuple[str, ...] = ()
    department: str = ""
    service: str = ""
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where the tasks of one business are; days are those of `tz`."""

    store: Store
    callbacks: CallbackQueue
    business_id: BusinessId
    tz: ZoneInfo

    def open_tasks(self, now: datetime, kind: TaskKind | None = None, day: date | None = None) -> tuple[Task, ...]:
        """What is not done yet, newest first; of one kind, and of the local day on which it came in."""
        found = (task for wanted in ([kind] if kind else TaskKind) for task in self._of_kind(wanted, now, day))
        asked = (task for task in found if day is None or local(task.created_at, self.tz).date() == day)
        return tuple(sorted(asked, key=lambda task: (task.created_at, task.task_id), reverse=True))

    def done(self, kind: TaskKind, task_id: str, now: datetime) -> bool:
        """Mark a task as done, once. False if this business has no such task. Raises Unavailable or Indeterminate."""
        if kind is TaskKind.CALLBACK:
            return self.callbacks.done(self.business_id, SessionId(task_id), now)

        def decide() -> Decision[bool]:
            found = self._find(kind, task_id)
            if found is None:
                return Decision(False)
            stored = _done(found, now)
            return Decision(True, None if stored.value == found else Change(records=(stored,)))

        return settle(self.store, decide)

    def _of_kind(self, kind: TaskKind, now: datetime, day: date | None) -> Iterator[Task]:
        if kind is TaskKind.MESSAGE:
            today = local(now, self.tz).date()
            days = [day] if day else [today - timedelta(days=number) for number in range(DAYS_BACK)]
            messages = (m for one in days for m in messages_of_day(self.store, self.business_id, one))
            yield from (_of_message(message) for message in messages if message.state is MessageState.NEW)
        elif kind is TaskKind.WAITING:
            yield from map(_of_waiting, waiting_in_state(self.store, self.business_id, WaitingState.OFFERED))
        elif kind is TaskKind.CALLBACK:
            tasks = self.callbacks.of_business(self.business_id)
            yield from (_of_callback(task) for task in tasks if task.done_at is None)
        else:
            leads = self.store.records_by(LEAD, self.business_id, OWED)
            yield from map(_of_lead, _who_may_be_called(self.store, leads))

    def _find(self, kind: TaskKind, task_id: str) -> Message | Waiting | Lead | None:
        """Who still waits for a time is no task."""
        if kind is TaskKind.MESSAGE:
            return self.store.record(MESSAGE, self.business_id, task_id)
        if kind is TaskKind.WAITING:
            entry = self.store.record(WAITING, self.business_id, task_id)
            return None if entry is None or entry.state is WaitingState.WAITING else entry
        lead = self.store.record(LEAD, self.business_id, task_id)
        return lead if lead is not None and (lead.call_again or lead.unserved_at) else None


def _done(found: Message | Waiting | Lead, now: datetime) -> Stored[Any]:
    if isinstance(found, Message):
        return MESSAGE.of(replace(found, state=MessageState.DONE))
    if isinstance(found, Waiting):
        return WAITING.of(replace(found, state=WaitingState.DONE))
    return LEAD.of(replace(found, called_again_at=found.called_again_at or now))


def _who_may_be_called(records: Records, leads: Iterable[Lead]) -> Iterator[Lead]:
    for lead in leads:
        if lead.number is None or not is_suppressed(records, lead.business_id, lead.number):
            yield lead


def _of_message(message: Message) -> Task:
    return Task(
        kind=TaskKind.MESSAGE,
        task_id=message.message_id,
        created_at=message.taken_at,
        number=message.number,
        name=message.name,
        text=message.text,
        department=message.department,
    )


def _of_waiting(entry: Waiting) -> Task:
    return Task(
        kind=TaskKind.WAITING,
        task_id=entry.entry_id,
        created_at=entry.asked_at,
        number=entry.number,
        name=entry.name,
        service=entry.service,
        due=entry.offered_start,
    )


def _of_callback(task: CallbackTask) -> Task:
    return Task(
        kind=TaskKind.CALLBACK,
        task_id=task.session_id,
        created_at=task.created_at,
        number=task.number,
        text=task.reason,
        notes=task.notes,
    )


def _of_lead(lead: Lead) -> Task:
    return Task(
        kind=TaskKind.LEAD,
        task_id=lead.session_id,
        created_at=lead.began_at,
        number=lead.number,
        text=lead.call_again,
        due=lead.call_again_at,
    )
