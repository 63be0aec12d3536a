"""The carrier and the guard of the money as one attempt sees them: the request goes out in its turn or not at all, and what was said to
it is remembered. A store that fails anywhere around it says nothing about the telephone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pokea.billing.spend import Need, SpendGuard
from pokea.clock import Clock
from pokea.errors import CallError, Unavailable
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.sautikit.attempts import Placed, Telephony

LATE_S = 0.1  # after its turn a request may still go out; turns are so far apart that this cannot crowd a second
FRESH = timedelta(seconds=1)  # what the gate saw is worth so long
TURN_MISSED = "turn_missed"
Wait = Callable[[float], None]


def gap_s(cps: int) -> float:
    """Between two turns: of calls that go out up to `LATE_S` after them, no second ever holds more than `cps`."""
    return (1.0 + LATE_S) / max(cps, 1)


class OneCall:
    def __init__(
        self,
        telephony: Telephony,
        guard: SpendGuard | None,
        *,
        turn: datetime,
        looked_at: datetime,
        clock: Clock,
        wait: Wait,
    ) -> None:
        self._telephony, self._guard = telephony, guard
        self._turn, self._looked_at = turn, looked_at
        self._clock, self._wait = clock, wait
        self.is_asked = False  # the request went out
        self.said: CallError | None = None  # by the carrier, or by the guard

    def place_call(self, **wish: Any) -> Placed:
        early_s = (self._turn - self._clock.now()).total_seconds()
        if early_s > 0:
            self._wait(early_s)
        now = self._clock.now()
        if now - self._turn >= timedelta(seconds=LATE_S) or now - self._looked_at >= FRESH:
            raise Unavailable(TURN_MISSED, "the turn is over, or what the gate saw is too old")
        self.is_asked = True
        try:
            return self._telephony.place_call(**wish)
        except CallError as said:
            self.said = said
            raise

    def admit(self, business_id: BusinessId, label: str, number: E164, need: Need, now: datetime) -> None:
        if self._guard is None:
            return
        try:
            self._guard.admit(business_id, label, number, need, now)
        except CallError as said:
            self.said = said
            raise

    def release(self, business_id: BusinessId, label: str, now: datetime) -> None:
        if self._guard is not None:
            self._guard.release(business_id, label, now)

    def unsure(self, business_id: BusinessId, label: str, now: datetime) -> None:
        if self._guard is not None:
            self._guard.unsure(business_id, label, now)
