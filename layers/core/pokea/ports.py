"""What the domain needs from the outside world. `pokea.adapters` implements these; tests and the domain know only these.

Every write is fenced by the version that was read: the item is stored as `version + 1` on condition that the stored version still
equals `version` (0: that it does not exist). A failed condition raises `Conflict("stale")`, so the caller decides again on fresh state.
Any method may raise `Unavailable` (nothing was written) or `Indeterminate` (a write may have happened).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from pokea.billing.cdr import Cdr, Statement
from pokea.booking import Appointment, Slot, SlotKey
from pokea.calls import Call
from pokea.confirm import Proposal
from pokea.ids import AppointmentId, BusinessId, Nonce, SessionId
from pokea.phone_numbers import E164
from pokea.records import Kind, Stored, T


@dataclass(frozen=True, slots=True)
class Change:
    """One all-or-nothing write: the new content of every touched item, each carrying the version that was read."""

    slots: tuple[Slot, ...] = ()
    appointment: Appointment | None = None
    records: tuple[Stored[Any], ...] = ()
    proposals: tuple[Proposal, ...] = ()
    token: str | None = None  # names the write itself, so that sending it twice applies it once


class CallStore(Protocol):
    def create_call(self, call: Call) -> Call:
        """Store a new call, or return the stored one if its session is already known (the first writer wins)."""

    def call(self, session_id: SessionId) -> Call | None: ...

    def put_call(self, call: Call) -> Call:
        """Store `call` over the version it was read at; returns it with the next version. Raises Conflict("stale")."""

    def first_sight(self, session_id: SessionId, event_id: str, at: datetime) -> bool:
        """True exactly once per (session, event id): deduplicates at-least-once deliveries."""


class BookingStore(Protocol):
    def slots(self, keys: Sequence[SlotKey]) -> tuple[Slot, ...]:
        """Every slot asked for, in order; an unknown one comes back empty with version 0. Strongly consistent."""

    def appointment(self, business_id: BusinessId, appointment_id: AppointmentId) -> Appointment | None: ...

    def appointments_of(self, business_id: BusinessId, a_number: E164) -> tuple[Appointment, ...]:
        """Those of one caller number, earliest first, cancelled ones included."""

    def proposal(self, session_id: SessionId, nonce: Nonce) -> Proposal | None: ...

    def open_proposals(self, session_id: SessionId) -> tuple[Proposal, ...]: ...

    def apply(self, change: Change) -> None:
        """All or nothing. Raises Conflict("stale")."""


class Records(Protocol):
    """See `pokea.records`. Every read is strongly consistent."""

    def record(self, kind: Kind[T], business_id: BusinessId, key: str) -> T | None: ...

    def records_by(self, kind: Kind[T], business_id: BusinessId, lookup: str) -> tuple[T, ...]:
        """Those that name `lookup` among their lookups now, in the order of their keys."""


class Store(BookingStore, Records, Protocol):
    """Everything that one business's agents read and write."""


class CdrStore(Protocol):
    """Call detail records and the statements behind them; see `pokea.billing.cdr`. Reads of one session are strongly consistent."""

    def keep(self, statement: Statement) -> bool:
        """True if it was not known yet. Statements are never changed."""

    def statements(self, session_id: SessionId) -> tuple[Statement, ...]: ...

    def cdrs(self, session_id: SessionId) -> tuple[Cdr, ...]:
        """The latest version of each leg, in the order of their legs."""

    def versions(self, session_id: SessionId, leg: str) -> tuple[Cdr, ...]:
        """Every version, the first one first."""

    def put_cdrs(self, cdrs: Sequence[Cdr]) -> tuple[Cdr, ...]:
        """All or nothing: each as its next version, over the one it carries (0: the leg is new). Raises Conflict("stale")."""

    def cdrs_of_day(self, business_id: BusinessId, day: date) -> Iterator[Cdr]:
        """The latest version of every leg that began on this UTC day. May lag behind by seconds: for reports."""
