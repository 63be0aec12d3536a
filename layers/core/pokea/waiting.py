"""The waiting list: who would come if a time became free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from pokea.clock import as_utc
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.ports import Records
from pokea.privacy import Pii
from pokea.records import Kind

NOTICE = timedelta(hours=2)  # a time that is nearer than this is no use to somebody who has to be rung first
KEPT_AFTER = timedelta(days=30)


class WaitingState(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"  # a time became free: the business owes this person a call
    DONE = "done"  # they were called


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Somebody who waits for `service` on a day from `first_day` to `last_day` (local days of the business, both included)."""

    business_id: BusinessId
    entry_id: str
    service: str
    practitioner: str  # "" for anybody
    first_day: date
    last_day: date
    name: str
    number: E164 | None
    session_id: SessionId
    asked_at: datetime
    state: WaitingState = WaitingState.WAITING
    offered_start: datetime | None = None
    version: int = 0


WAITING: Kind[Waiting] = Kind(
    "waiting",
    Waiting,
    key=lambda entry: entry.entry_id,
    lookups=lambda entry: (
        f"service:{entry.service}",
        f"state:{entry.state.value}",
        *([str(entry.number)] if entry.number else []),
    ),
    privacy={
        "business_id": Pii.ID,
        "entry_id": Pii.ID,
        "service": Pii.NONE,
        "practitioner": Pii.ID,
        "first_day": Pii.NONE,
        "last_day": Pii.NONE,
        "name": Pii.NAME,
        "number": Pii.CONTACT,
        "session_id": Pii.ID,
        "asked_at": Pii.NONE,
        "state": Pii.NONE,
        "offered_start": Pii.NONE,
        "version": Pii.NONE,
    },
    kept_until=lambda entry: (
        as_utc(datetime.combine(entry.last_day, datetime.min.time(), entry.asked_at.tzinfo)) + KEPT_AFTER
    ),
)


def waiting_in_state(records: Records, business_id: BusinessId, state: WaitingState) -> tuple[Waiting, ...]:
    return records.records_by(WAITING, business_id, f"state:{state.value}")


def decide_offer(
    entries: Iterable[Waiting], practitioner: str, start: datetime, day: date, now: datetime
) -> Waiting | None:
    """Whom to offer `start` (on the local `day`), which has just become free: whoever has waited longest and would come then.

    `entries`: those who wait for the service. The answer is the entry as it is to be stored; None if it is nobody's.
    """
    if as_utc(start) < as_utc(now) + NOTICE:
        return None
    willing = [
        entry
        for entry in entries
        if entry.state is WaitingState.WAITING
        and entry.first_day <= day <= entry.last_day
        and entry.practitioner in ("", practitioner)
    ]
    if not willing:
        return None
    longest = min(willing, key=lambda entry: (entry.asked_at, entry.entry_id))
    return replace(longest, state=WaitingState.OFFERED, offered_start=as_utc(start))
