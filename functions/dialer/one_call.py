"""The carrier and the guard of the money as one attempt sees them: the request goes out in its turn or not at all, and what was said to
it is remembered. A store that fails anywhere around it says nothing about the telephone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from functions.dialer.turns import InTurn
from pokea.billing.spend import Need, SpendGuard
from pokea.errors import CallError
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.sautikit.attempts import Placed, Telephony


class OneCall:
    def __init__(self, telephony: Telephony, guard: SpendGuard | None, in_turn: InTurn) -> None:
        self._telephony, self._guard = telephony, guard
        self._in_turn = in_turn
        self.is_asked = False  # the request went out
        self.said: CallError | None = None  # by the carrier, or by the guard

    def place_call(self, **wish: Any) -> Placed:
        self._in_turn.come()
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
