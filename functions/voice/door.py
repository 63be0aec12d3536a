"""Who is let in: the caller's own count first, then the business's, then a seat at a bridge.

Every step fails open. A store that does not answer, a release of which no bridge has told of seats, a desk without beats: the call is
invited as if there were no door, because the bridge itself refuses what it has no place for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pokea.adapters.observability import Log
from pokea.admission import Admission
from pokea.calls import Call, Direction
from pokea.errors import CallError
from pokea.ids import BusinessId, SessionId
from pokea.lines import INTERNAL_AGENTS, Line
from pokea.rings import Count, count_of_task, counts_of_ring, is_over_until, owed_once, who_of
from pokea.sautikit.callbacks import CallbackTasks, callback_turned_away
from pokea.sautikit.register import Entrance
from pokea.seats import Board, Ticket, chosen, open_boards

LOOK = timedelta(seconds=1)  # how old what is known of the boards may be while one of them has a seat
LOOK_WHEN_FULL = timedelta(seconds=0.2)  # and while none has: a ring at a full house costs a read at most so often
AT_ONCE = timedelta(0)
_SOONER = 0.25  # at most this part of either age is left out, by draw, so that environments do not all read in the same moment
_TRIES = 4  # boards that were found empty; with so many there is no seat worth looking for
_REMEMBERED = 10_000  # counts that are full
_OWED_KEPT = timedelta(days=2)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Seats(Protocol):
    """All raise CallError. `boards` may be a moment behind: they are where to look, and `take` is what decides."""

    def boards(self, release: str) -> Sequence[Board]: ...

    def take(self, board: Board, now: datetime, *, forced: bool = False) -> tuple[Ticket, int] | None: ...

    def give_back(self, ticket: Ticket) -> None: ...


class Rings(Protocol):
    """All raise CallError."""

    def count(self, count: Count) -> bool: ...

    def claim(
        self, business_id: BusinessId, who: str, what: str, session_id: SessionId, expires: datetime
    ) -> SessionId: ...


class Usher:
    """Finds a seat with one write: what is known of the boards is read once a second.

    Several threads may ask at once (a hook whose time was up goes on in its own): what was read is never added to, only replaced whole.
    """

    def __init__(self, seats: Seats, release: str, draw: Callable[[], float] = random.random) -> None:
        self._seats = seats
        self._release = release
        self._draw = draw
        self._boards: dict[str, Board] = {}
        self._looked_at = _NEVER
        self._patience = 1.0  # of the ages above

    def seat(self, now: datetime, *, forced: bool = False) -> Ticket | Admission:
        """A ticket, or why there is none: FULL, or UNCOUNTED where nothing is known. Raises CallError."""
        self._look(now, LOOK)
        for tried in range(_TRIES):
            known = self._boards
            boards = open_boards(known.values(), now)
            if not boards:
                return Admission.UNCOUNTED
            board = chosen(boards, self._draw(), forced=forced)
            if board is None:
                if not self._look(now, LOOK_WHEN_FULL):
                    return Admission.FULL
                continue
            taken = self._seats.take(board, now, forced=forced)
            left = 0 if taken is None else taken[1]
            known[board.bridge] = replace(board, left=left)
            if taken is not None:
                return taken[0]
            # Somebody else took it, and what is known of the other boards is as old. The second time they are read whatever their age:
            # with four such boards the caller would hear that a house is full which is not.
            self._look(now, AT_ONCE if tried else LOOK_WHEN_FULL)
        return Admission.FULL

    def give_back(self, ticket: Ticket) -> None:
        self._seats.give_back(ticket)

    def _look(self, now: datetime, age: timedelta) -> bool:
        if now - self._looked_at < age * self._patience:
            return False
        self._boards = {board.bridge: board for board in self._seats.boards(self._release)}
        self._looked_at = now
        self._patience = 1 - _SOONER * self._draw()
        return True


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts of rings. `callbacks`: where who was turned away is noted down."""

    rings: Rings
    callbacks: CallbackTasks


class Doorkeeper:
    """`is_capped`: how often a number or a business may be rung is held to what its line says."""

    def __init__(self, usher: Usher, counter: Counter, log: Log, *, is_capped: bool) -> None:
        self._usher = usher
        self._counter = counter
        self._log = log
        self._is_capped = is_capped
        self._full: dict[tuple[str, str], datetime] = {}  # counts that need not be asked before then

    def admit(self, call: Call, line: Line, now: datetime) -> Entrance:
        """Calls that we place and legs of our own people are counted and never refused: somebody has picked up, or waits on the line."""
        is_ours = call.direction is Direction.OUTBOUND or call.agent in INTERNAL_AGENTS
        if self._is_capped and not is_ours:
            refusal = self._refusal(call, line, now)
            if refusal is not None:
                return Entrance(refusal)
        return self._seated(call, now, is_ours)

    def note(self, call: Call, now: datetime) -> bool:
        """Leave a task for a call that was turned away, one per caller and period, so that nobody is lost and a flood is one line. May be
        done again. False where the caller has one already. Raises CallError."""
        task = callback_turned_away(call, now)
        if task is None or call.admission is None:
            return False
        rings = self._counter.rings
        what = owed_once(call.admission, now)
        owner = rings.claim(call.business_id, who_of(task.number), what, call.session_id, now + _OWED_KEPT)
        if owner != call.session_id:
            return False
        if not rings.count(count_of_task(call.business_id, now)):
            self._log.count("CallbackNotKept")
            return False
        return self._counter.callbacks.add(task)

    def _seated(self, call: Call, now: datetime, is_ours: bool) -> Entrance:
        try:
            found = self._usher.seat(now, forced=is_ours)
        except CallError as problem:
            self._log.error("no word of seats", problem, session_id=call.session_id)
            self._log.count("SeatsUnknown")
            return Entrance(Admission.UNCOUNTED)
        if isinstance(found, Ticket):
            return Entrance(Admission.SEATED, lambda: self._give_back(found))
        return Entrance(Admission.UNCOUNTED if is_ours else found)

    def _give_back(self, ticket: Ticket) -> None:
        """Best effort: a ticket that nobody uses comes back by itself."""
        try:
            self._usher.give_back(ticket)
        except CallError as problem:
            self._log.error("seat not given back", problem)

    def _refusal(self, call: Call, line: Line, now: datetime) -> Admission | None:
        try:
            for count in counts_of_ring(call.business_id, call.a_number, line, now):
                if not self._counted(count, now):
                    return count.refusal
        except CallError as problem:
            self._log.error("ring not counted", problem, session_id=call.session_id)
            self._log.count("RingsUncounted")
        return None

    def _counted(self, count: Count, now: datetime) -> bool:
        key = (count.business_id, count.who)
        if now < self._full.get(key, _NEVER):
            return False
        if self._counter.rings.count(count):
            return True
        if len(self._full) >= _REMEMBERED:
            self._full.clear()
        self._full[key] = is_over_until(now)
        return False
