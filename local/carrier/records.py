"""Every leg's record as the carrier's REST shows it at the moment, and the wallet's lines behind it.

Records settle after the end of their leg, as late as the run wants: first as if the leg still lasted, then closed without a price, then
with it. Nothing runs in the background: what is due is done whenever somebody looks.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from local.carrier.billing import Bill, BillingFault, EndedLeg, bill_for
from local.carrier.ledger import Cdr, Tariff, Wallet

_MAX_RECORDS_KEPT = 50_000
Now = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """Seconds from a leg's end until its record has an end, and until it has a price; from there until it is put right, if it is ever.

    No page says how long any of it takes, only that records are to be asked for again: integrations do so for minutes.
    """

    closed_after_s: float = 0.0
    priced_after_s: float = 0.0
    corrected_after_s: float = 60.0


@dataclass(slots=True)
class _Entry:
    """`cdr` None: the leg lasts, and `live` says what is known."""

    live: Callable[[], Cdr]
    cdr: Cdr | None = None

    def shown(self) -> Cdr:
        return self.cdr or self.live()


class RecordBook:
    """By record id, oldest first. A session may have several records: a Dial's leg has one of its own."""

    def __init__(self, tariff: Tariff, wallet: Wallet, settling: Settling | None = None, now: Now = utc_now) -> None:
        self._tariff, self._wallet = tariff, wallet
        self._settling = settling or Settling()
        self._now = now
        self._entries: dict[str, _Entry] = {}
        self._sessions: dict[str, list[str]] = {}
        self._due: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = itertools.count()

    # --- what REST shows ----------------------------------------------------------------------------------------------------

    def newest_first(self, session_id: str | None = None) -> Iterator[Cdr]:
        self.settle()
        ids = self._entries if session_id is None else self._sessions.get(session_id, ())
        return (self._entries[record_id].shown() for record_id in reversed(list(ids)))

    def find(self, either_id: str) -> Cdr | None:
        """By the record's own id, or by a session id: then the session's first record, which is the caller's."""
        self.settle()
        first = next(iter(self._sessions.get(either_id, ())), either_id)
        entry = self._entries.get(first)
        return None if entry is None else entry.shown()

    # --- what the calls tell ------------------------------------------------------------------------------------------------

    def open(self, record_id: str, session_id: str, live: Callable[[], Cdr]) -> None:
        """A leg begins. `live` tells what its record shows while it lasts."""
        self._entries[record_id] = _Entry(live)
        self._sessions.setdefault(session_id, []).append(record_id)
        while len(self._entries) > _MAX_RECORDS_KEPT:
            self._drop(next(iter(self._entries)))

    def close(self, leg: EndedLeg, fault: BillingFault | None = None) -> Bill:
        """The leg is over. Returns what its books will say once they have settled."""
        bill = bill_for(leg, self._tariff, fault)
        status = "answered" if leg.is_answered else "ringing"
        self._show(replace(leg.cdr, status=status, ended_at=None, duration_seconds=None, failure_code=None))
        if not bill.is_stuck:
            self._plan(leg, bill)
        self.settle()
        return bill

    def settle(self) -> None:
        """Do what is due by now."""
        now = self._now()
        while self._due and self._due[0][0] <= now:
            due, _, work = heapq.heappop(self._due)
            work(due)

    # --- inside -------------------------------------------------------------------------------------------------------------

    def _plan(self, leg: EndedLeg, bill: Bill) -> None:
        ended_at = leg.cdr.ended_at
        assert ended_at is not None, "only a leg that is over has a bill"
        settling = self._settling
        closed_at = ended_at + timedelta(seconds=settling.closed_after_s)
        priced_at = max(closed_at, ended_at + timedelta(seconds=settling.priced_after_s))
        self._later(closed_at, lambda at: self._close(leg, bill))
        self._later(priced_at, lambda at: self._charge(leg, bill, at))
        if bill.later is not None:
            corrected_at = priced_at + timedelta(seconds=settling.corrected_after_s)
            self._later(corrected_at, lambda at: self._put_right(bill, at))

    def _later(self, due: datetime, work: Callable[[datetime], None]) -> None:
        heapq.heappush(self._due, (due, next(self._order), work))

    def _close(self, leg: EndedLeg, bill: Bill) -> None:
        if bill.records:
            first = bill.records[0]
            self._show(
                replace(
                    leg.cdr,
                    session_id=first.session_id,
                    duration_seconds=first.duration_seconds,
                    ended_at=first.ended_at,
                )
            )
        else:
            self._drop(leg.cdr.id)

    def _charge(self, leg: EndedLeg, bill: Bill, at: datetime) -> None:
        for record in bill.records:
            self._show(record)
            self._wallet.move(-record.cost_minor, leg.kind, record.id, at)
        self._wallet.move(-bill.stream_minor, "stream", leg.cdr.id, at)

    def _put_right(self, bill: Bill, at: datetime) -> None:
        assert bill.later is not None
        self._show(replace(bill.later, updated_at=at))
        self._wallet.move(bill.records[0].cost_minor - bill.later.cost_minor, bill.later_kind, bill.later.id, at)

    def _show(self, cdr: Cdr) -> None:
        entry = self._entries.get(cdr.id)
        if entry is None:
            entry = self._entries[cdr.id] = _Entry(lambda: cdr)
            self._sessions.setdefault(cdr.session_id, []).append(cdr.id)
        elif (before := entry.shown().session_id) != cdr.session_id:
            self._forget(before, cdr.id)
            self._sessions.setdefault(cdr.session_id, []).append(cdr.id)
        entry.cdr = cdr

    def _drop(self, record_id: str) -> None:
        entry = self._entries.pop(record_id, None)
        if entry is not None:
            self._forget(entry.shown().session_id, record_id)

    def _forget(self, session_id: str, record_id: str) -> None:
        kept = [one for one in self._sessions.get(session_id, ()) if one != record_id]
        if kept:
            self._sessions[session_id] = kept
        else:
            self._sessions.pop(session_id, None)
