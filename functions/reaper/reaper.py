"""Looks at the leases of all bridges, and ends what the dead ones have left: each leg by REST, with a task to call back and a closing.

Every step may be done twice. A call whose leg could not be ended keeps its bridge's lease open, so the next run tries it again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pokea.adapters.observability import Log
from pokea.call_memory import MEMORY
from pokea.calls import Call, apply
from pokea.clock import Clock
from pokea.desk.settle import Decision, settle
from pokea.errors import CallError, Conflict, NotFound, Unavailable
from pokea.ids import BusinessId, CallId, SessionId
from pokea.orphans import FLEET, LEASE, STANDINGS, Lease, is_dead, orphaned
from pokea.ports import CallStore, Change, Store
from pokea.profile import Profile
from pokea.retention import Retention
from pokea.sautikit.callbacks import CallbackTasks
from pokea.sautikit.closings import CloseReason, Closing, Closings, end_of

AT_ONCE = 16  # the carrier takes its time over each leg, and callers hear nothing meanwhile
LEG_MS = 40_000  # a leg takes at most: three tries of a carrier that hangs, and the books
MAX_TRIES = 5
_GONE = (NotFound, Conflict)  # what the carrier says of a leg that is down already


class HangsUp(Protocol):
    def hang_up(self, call: SessionId | CallId) -> None: ...


@dataclass(frozen=True, slots=True)
class Books:
    """`ended` tells that a call is over, to be heard after so many seconds."""

    calls: CallStore
    store: Store
    closings: Closings
    callbacks: CallbackTasks
    ended: Callable[[SessionId, BusinessId, int], None]


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one run found and did."""

    bridges: int = 0  # that are gone
    ended: int = 0  # calls
    failed: int = 0  # calls that the next run tries again


@dataclass(slots=True)
class _Orphan:
    """One call of a bridge that is gone. `closing`: to be written when its leg has been ended; None: it has no leg to end."""

    lease: Lease
    session_id: SessionId
    closing: Closing | None = None
    ended: bool = False
    failed: bool = False


class Reaper:
    """`continues`: the carrier goes on after a stream, so a leg that has lost its bridge may have found a person."""

    def __init__(
        self,
        *,
        books: Callable[[], Books],
        carrier: Callable[[], HangsUp],
        profiles: Mapping[BusinessId, Profile],
        continues: bool,
        clock: Clock,
        log: Log,
    ) -> None:
        self._books = books
        self._carrier = carrier
        self._profiles = profiles
        self._continues = continues
        self._clock = clock
        self._log = log

    def run(self, stopped: Collection[str] = (), left_ms: Callable[[], int] = lambda: LEG_MS) -> Harvest:
        """`stopped`: tasks that ECS has seen end. `left_ms`: what this run still has. Raises what the store raises."""
        now = self._clock.now()
        dead = self._dead(stopped, now)
        orphans = [_Orphan(lease, session) for lease in dead for session in lease.calls]
        with ThreadPoolExecutor(AT_ONCE, "legs") as pool:
            list(pool.map(lambda one: self._try(one, lambda: self._owe(one, now)), orphans))
            legs = [one for one in orphans if one.closing is not None]
            list(pool.map(lambda one: self._try(one, lambda: self._end(one, left_ms)), legs))
        for lease in dead:
            failed = sum(one.failed for one in orphans if one.lease is lease)
            self._log.warning("a bridge is gone", bridge=lease.bridge, count=len(lease.calls), failed=failed)
            if not failed:
                self._mark(lease, over=True)
        return Harvest(len(dead), sum(one.ended for one in orphans), sum(one.failed for one in orphans))

    def warm(self) -> None:
        self._books()

    def _dead(self, stopped: Collection[str], now: datetime) -> list[Lease]:
        store = self._books().store
        fleet = [lease for standing in STANDINGS for lease in store.records_by(LEASE, FLEET, standing)]
        dead = [lease for lease in fleet if is_dead(lease, fleet, stopped, now)]
        for lease in dead:
            if not lease.gone:  # kept: ECS tells of an end once, and who vouched may be gone before the carrier is back
                self._mark(lease)
        found = (self._still(lease) for lease in dead)
        return [lease for lease in found if lease is not None]

    def _still(self, lease: Lease) -> Lease | None:
        """The lease as it is now, unless its bridge has been heard since it was read: a run may take minutes."""
        found = self._books().store.record(LEASE, FLEET, lease.bridge)
        return found if found is not None and not found.over and found.until == lease.until else None

    def _try(self, one: _Orphan, step: Callable[[], None]) -> None:
        try:
            step()
        except CallError as problem:
            self._log.error("an orphaned call was not ended", problem, session_id=one.session_id)
            self._log.count("OrphanNotEnded")
            one.failed = True

    def _owe(self, one: _Orphan, now: datetime) -> None:
        """What needs no carrier: one that hangs must not keep it from anybody."""
        books = self._books()
        call = books.calls.call(one.session_id)
        if call is None:
            return
        closed = books.closings.closing(one.session_id)
        if closed is not None:
            if (
                closed.reason is CloseReason.BRIDGE_ERROR
            ):  # maybe ours, of a run that was cut off: the rest may be done twice
                self._close(books, closed)
            return
        memory = books.store.record(MEMORY, call.business_id, one.session_id)
        profile = self._profiles.get(call.business_id)
        kept_until = (profile.retention if profile is not None else Retention()).transcript_until(now)
        done = memory.done if memory is not None else ()
        orphan = orphaned(call, done, kept_until, continues=self._continues, now=now)
        if orphan.callback is not None:
            books.callbacks.add(orphan.callback)
        if orphan.hang_up:
            one.closing = orphan.closing
            return
        if orphan.closing is not None:
            self._close(books, orphan.closing)
        self._lost(one)

    def _end(self, one: _Orphan, left_ms: Callable[[], int]) -> None:
        if left_ms() < LEG_MS:
            raise Unavailable("no_time_left", "this run is nearly over; the next one tries it again")
        if self._still(one.lease) is None:
            return
        self._hang_up(one.session_id)
        if one.closing is not None:
            self._close(self._books(), one.closing)
        self._lost(one)

    def _lost(self, one: _Orphan) -> None:
        self._log.warning("a call has lost its bridge", session_id=one.session_id, bridge=one.lease.bridge)
        self._log.count("CallOrphaned")
        one.ended = True

    def _hang_up(self, session_id: SessionId) -> None:
        try:
            self._carrier().hang_up(session_id)
        except _GONE:
            return

    def _close(self, books: Books, closing: Closing) -> None:
        books.closings.add(closing)
        self._move(books.calls, closing)
        books.ended(closing.session_id, closing.business_id, 0)

    def _move(self, calls: CallStore, closing: Closing) -> None:
        for _ in range(MAX_TRIES):
            call: Call | None = calls.call(closing.session_id)
            if call is None or (moved := apply(call, end_of(closing))) is call:
                return
            try:
                calls.put_call(moved)
            except Conflict:
                continue
            return
        raise Unavailable("call_contended", "the call changed too often while it was being read", retry_after_s=0.1)

    def _mark(self, lease: Lease, *, over: bool = False) -> None:
        """One that has beaten meanwhile lives, and keeps its lease as it is."""

        def decide() -> Decision[None]:
            found = self._still(lease)
            if found is None:
                return Decision(None)
            return Decision(None, Change(records=(LEASE.of(replace(found, gone=True, over=over)),)))

        settle(self._books().store, decide)
