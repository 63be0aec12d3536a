"""Boards of seats and counts of rings in memory, with the promises of the real ones. Atomic between threads."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime

from pokea.ids import BusinessId, SessionId
from pokea.rings import Count
from pokea.seats import Board, Ticket, Told, rebased, window_of


class MemorySeats:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._boards: dict[tuple[str, str], Board] = {}
        self.reads = 0
        self.writes = 0  # seats that were asked for

    def boards(self, release: str) -> tuple[Board, ...]:
        with self._lock:
            self.reads += 1
            return tuple(board for (of, _), board in self._boards.items() if of == release)

    def take(self, board: Board, now: datetime, *, forced: bool = False) -> tuple[Ticket, int] | None:
        ticket = Ticket(board.release, board.bridge, window_of(now))
        with self._lock:
            self.writes += 1
            stands = self._boards.get((board.release, board.bridge))
            if stands is None or not (forced or (stands.left > 0 and stands.until > now)):
                return None
            return ticket, self._moved(stands, ticket, 1).left

    def give_back(self, ticket: Ticket) -> None:
        with self._lock:
            stands = self._boards.get((ticket.release, ticket.bridge))
            if stands is not None and ticket.window in stands.taken:
                self._moved(stands, ticket, -1)

    def tell(self, told: Told, now: datetime) -> None:
        with self._lock:
            before = self._boards.get((told.release, told.bridge))
            change = rebased(before, told, now)
            if change is None:
                return
            left = (before.left if before else 0) + change.add
            taken = {
                window: count for window, count in (before.taken if before else {}).items() if window not in change.over
            }
            version = (before.version if before else 0) + 1
            self._boards[told.release, told.bridge] = Board(
                release=told.release, bridge=told.bridge, left=left, until=change.until, told_at=change.told_at,
                taken=taken, version=version,
            )  # fmt: skip

    def _moved(self, board: Board, ticket: Ticket, by: int) -> Board:
        taken = {**board.taken, ticket.window: board.taken.get(ticket.window, 0) + by}
        self._boards[board.release, board.bridge] = moved = replace(board, left=board.left - by, taken=taken)
        return moved


class MemoryRings:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], Counter[str]] = {}
        self._claims: dict[tuple[str, str, str], SessionId] = {}
        self.writes = 0

    def count(self, count: Count) -> bool:
        with self._lock:
            self.writes += 1
            counts = self._counts.setdefault((count.business_id, count.who, count.when), Counter())
            if any(counts[name] >= most for name, most in count.most.items()):
                return False
            counts.update(count.most.keys())
            return True

    def claim(
        self, business_id: BusinessId, who: str, what: str, session_id: SessionId, expires: datetime
    ) -> SessionId:
        with self._lock:
            return self._claims.setdefault((business_id, who, what), session_id)
