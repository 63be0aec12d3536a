"""The way out to the switch: what is due leaves as one message, and nothing leaves while the switch does not read."""

from __future__ import annotations

from bridge.core.frames import Buffer
from bridge.core.minutes import Minutes
from bridge.core.pacer import Pacer
from bridge.core.witness import Witness

_STALE_AFTER_MS = 1_000.0


class Outlet:
    def __init__(self, pacer: Pacer, witness: Witness, minutes: Minutes) -> None:
        self.is_blocked = False
        self._pacer = pacer
        self._witness = witness
        self._minutes = minutes
        self._blocked_since_ms = 0.0
        self._sounded = False

    def pull(self, now_ms: float) -> Buffer | None:
        """Everything that is due, as one message; None if that is nothing."""
        message = None if self.is_blocked else self._pacer.pull(now_ms)
        if message is None:
            return None
        if not self._sounded:
            self._sounded = True
            self._minutes.note("first_audio", at_ms=int(now_ms))
        tell = self._witness.sent if self._witness.listens else None
        due: list[Buffer] = []
        while message is not None:
            if tell is not None:
                tell(message)
            due.append(message)
            message = self._pacer.pull(now_ms)
        return due[0] if len(due) == 1 else b"".join(due)

    def passes(self, message: Buffer | None) -> Buffer | None:
        """Somebody else's sound goes out as it came."""
        if message is not None and self._witness.listens:
            self._witness.sent(message)
        return message

    def congested(self, is_blocked: bool, now_ms: float) -> None:
        """The switch stopped reading, or reads again: what was due meanwhile is stale then."""
        was_blocked, self.is_blocked = self.is_blocked, is_blocked
        if not was_blocked:
            self._blocked_since_ms = now_ms
        elif not is_blocked and now_ms - self._blocked_since_ms > _STALE_AFTER_MS:
            ms, skipped_ms = int(now_ms - self._blocked_since_ms), self._pacer.skip(now_ms)
            self._minutes.note("congested", ms=ms, skipped_ms=skipped_ms)
