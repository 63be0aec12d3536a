"""When ECS is told that this task has calls: a protected task is not chosen when a service gets smaller or a deployment replaces tasks.

Told at the first call and once the last has been over for a while, renewed long before the protection lapses, and asked again and again
where it was refused: `DEPLOYMENT_BLOCKED` passes, and a call goes on meanwhile. A bridge that leaves gives back at once what it holds; one
that dies stops renewing.
"""

from __future__ import annotations

EXPIRES_MINUTES = 30
RENEW_MS = 10 * 60_000.0
LINGER_MS = 10_000.0  # between two calls of a busy hour nothing need be said
RETRY_MS = (1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 30_000.0)  # the last one for ever


class Protection:
    """One task's. `decide` and `told` are called in turns; times are monotonic."""

    def __init__(self, is_protected: bool | None = False) -> None:
        """`is_protected`: as ECS starts a task; None where somebody else spoke for the task before, and nobody knows what came of it."""
        self._is_protected = is_protected
        self.is_held = False  # asked for and not given back since, also where no answer has come yet
        self._told_ms = 0.0
        self._busy_ms: float | None = None  # when there was a call last
        self._failed = 0
        self._not_before_ms = 0.0

    def decide(self, is_busy: bool, now_ms: float) -> bool | None:
        """True: ask for protection; False: give it back; None: say nothing."""
        if is_busy:
            self._busy_ms = now_ms
        if now_ms < self._not_before_ms:
            return None
        if is_busy:
            stale = not self._is_protected or now_ms - self._told_ms >= RENEW_MS
            self.is_held = self.is_held or stale
            return True if stale else None
        has_lingered = self._busy_ms is None or now_ms - self._busy_ms >= LINGER_MS
        return False if self._is_protected is not False and has_lingered else None

    def told(self, protect: bool, agreed: bool, now_ms: float) -> None:
        """What came of it."""
        if agreed:
            self._is_protected, self._told_ms = protect, now_ms
            self.is_held = protect
            self._failed, self._not_before_ms = 0, 0.0
            return
        self._not_before_ms = now_ms + RETRY_MS[min(self._failed, len(RETRY_MS) - 1)]
        self._failed += 1
