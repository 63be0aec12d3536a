"""A circuit breaker per model provider: when a provider is down for everybody, the calls of a process stop hammering it together.

    closed     every attempt is admitted; several failures in a row, close together, open the circuit
    open       one probe a second, in all calls together
    half open  a probe got through: a few attempts at a time, so that a provider that has just come back is not run over; the next few
               successes close the circuit, one failure opens it again

A refused attempt costs nothing and is reported at once, so the call goes to another engine or waits. Pure: now goes in, a decision comes
out. Only failures that say something about the provider count: a session that expired or was refused its state does not.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from bridge.core.diagrams import draw
from bridge.core.frames import Loss

FAILURES = 5  # this many in a row ...
WITHIN_MS = 10_000.0  # ... within this time open the circuit
SUCCESSES = 3  # this many in a row close a half-open circuit


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Outcome(StrEnum):
    SUCCESS = "success"
    SUCCESSES = "successes"  # enough of them in a row
    FAILURE = "failure"
    FAILURES = "failures"  # enough of them in a row, close together


TABLE: dict[Circuit, dict[Outcome, Circuit]] = {
    Circuit.CLOSED: {
        Outcome.SUCCESS: Circuit.CLOSED,
        Outcome.SUCCESSES: Circuit.CLOSED,
        Outcome.FAILURE: Circuit.CLOSED,
        Outcome.FAILURES: Circuit.OPEN,
    },
    Circuit.OPEN: {
        Outcome.SUCCESS: Circuit.HALF_OPEN,
        Outcome.SUCCESSES: Circuit.CLOSED,
        Outcome.FAILURE: Circuit.OPEN,
        Outcome.FAILURES: Circuit.OPEN,
    },
    Circuit.HALF_OPEN: {
        Outcome.SUCCESS: Circuit.HALF_OPEN,
        Outcome.SUCCESSES: Circuit.CLOSED,
        Outcome.FAILURE: Circuit.OPEN,
        Outcome.FAILURES: Circuit.OPEN,
    },
}
_GAP_MS = {Circuit.CLOSED: 0.0, Circuit.OPEN: 1_000.0, Circuit.HALF_OPEN: 100.0}  # between two admitted attempts
_TELLING = (Loss.NETWORK, Loss.OVERLOADED, Loss.REFUSED)


class Breaker:
    """One provider's circuit; shared by the calls of a process. Times are milliseconds of one monotonic clock."""

    def __init__(self) -> None:
        self.circuit = Circuit.CLOSED
        self.why = Loss.OVERLOADED  # what the latest failure was: who is not admitted is told the same
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._successes = 0
        self._admitted_ms = float("-inf")

    def admit(self, now_ms: float) -> bool:
        """May an attempt be made now? Asking counts as making it."""
        if now_ms - self._admitted_ms < _GAP_MS[self.circuit]:
            return False
        self._admitted_ms = now_ms
        return True

    def succeeded(self, now_ms: float) -> None:
        """A connection was set up."""
        self._failures.clear()
        self._successes += 1
        self._turn(Outcome.SUCCESSES if self._successes >= SUCCESSES else Outcome.SUCCESS)

    def failed(self, loss: Loss, now_ms: float) -> None:
        """An attempt failed, or a connection that stood was lost."""
        if loss not in _TELLING:
            return
        self.why = loss if loss is Loss.REFUSED else Loss.OVERLOADED
        self._successes = 0
        self._failures.append(now_ms)
        enough = len(self._failures) == FAILURES and now_ms - self._failures[0] <= WITHIN_MS
        self._turn(Outcome.FAILURES if enough else Outcome.FAILURE)

    def _turn(self, outcome: Outcome) -> None:
        self.circuit = TABLE[self.circuit][outcome]


def diagram() -> str:
    return draw(TABLE, Circuit.CLOSED)
