"""A circuit breaker: a system that has failed several times in a row is left alone for a while, then tried by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FAILURES = 5  # in a row
REST_S = 15.0


class Breaker:
    """Shared between threads; one for each system that is asked."""

    def __init__(
        self, failures: int = FAILURES, rest_s: float = REST_S, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = failures
        self._rest_s = rest_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_again_at = 0.0

    def may_ask(self) -> bool:
        """False while it rests. After that one asker at a time finds out whether it is back."""
        with self._lock:
            if self._failures < self._most:
                return True
            now = self._monotonic()
            if now < self._closed_again_at:
                return False
            self._closed_again_at = now + self._rest_s
            return True

    def answered(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self._most:
                self._closed_again_at = self._monotonic() + self._rest_s
