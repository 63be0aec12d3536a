"""Detail records that live in memory, for tests: `pokea.ports.CdrStore`, checked by the same contract as the real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date

from pokea.billing.account import MAX_STATEMENT_BYTES
from pokea.billing.cdr import Cdr, Statement
from pokea.errors import Conflict, Misuse, RejectedInput
from pokea.ids import BusinessId, SessionId

_Leg = tuple[SessionId, str]


class MemoryCdrs:
    """Atomic between threads: one lock around every operation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statements: dict[tuple[object, ...], Statement] = {}
        self._of_session: dict[SessionId, list[Statement]] = {}
        self._versions: dict[_Leg, list[Cdr]] = {}
        self._legs: dict[SessionId, list[str]] = {}
        self.writes = 0  # versions that were written, for tests that must see none

    def keep(self, statement: Statement) -> bool:
        if len(statement.content.encode(errors="replace")) > MAX_STATEMENT_BYTES:
            raise RejectedInput("statement_too_large", f"a statement has at most {MAX_STATEMENT_BYTES} bytes")
        name = statement.session_id, statement.witness, statement.index, statement.said_at, statement.content
        with self._lock:
            if name in self._statements:
                return False
            self._statements[name] = statement
            self._of_session.setdefault(statement.session_id, []).append(statement)
            return True

    def statements(self, session_id: SessionId) -> tuple[Statement, ...]:
        with self._lock:
            found = list(self._of_session.get(session_id, ()))
        return tuple(sorted(found, key=lambda one: (one.said_at, one.witness, one.index, one.content)))

    def cdrs(self, session_id: SessionId) -> tuple[Cdr, ...]:
        with self._lock:
            legs = sorted(self._legs.get(session_id, ()))
            return tuple(self._versions[session_id, leg][-1] for leg in legs)

    def versions(self, session_id: SessionId, leg: str) -> tuple[Cdr, ...]:
        with self._lock:
            return tuple(self._versions.get((session_id, leg), ()))

    def put_cdrs(self, cdrs: Sequence[Cdr]) -> tuple[Cdr, ...]:
        if len({cdr.key for cdr in cdrs}) != len(cdrs):
            raise Misuse("leg_twice", "one write holds each leg once")
        with self._lock:
            for cdr in cdrs:
                if len(self._versions.get(cdr.key, ())) != cdr.version:
                    raise Conflict("stale", "what was read has changed since")
            written = tuple(replace(cdr, version=cdr.version + 1) for cdr in cdrs)
            for cdr in written:
                versions = self._versions.setdefault(cdr.key, [])
                if not versions:
                    self._legs.setdefault(cdr.session_id, []).append(cdr.leg)
                versions.append(cdr)
            self.writes += len(written)
            return written

    def cdrs_of_day(self, business_id: BusinessId, day: date) -> Iterator[Cdr]:
        latest = self.all_cdrs()
        own = [c for c in latest if c.business_id == business_id and c.began_at.astimezone(UTC).date() == day]
        yield from sorted(own, key=lambda cdr: (cdr.began_at, cdr.session_id, cdr.leg))

    def all_cdrs(self) -> tuple[Cdr, ...]:
        with self._lock:
            return tuple(versions[-1] for versions in self._versions.values())
