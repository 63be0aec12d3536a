"""Takes the events of parcels that went out, and rings each recipient once. While the carrier's wallet is short of money they wait."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pokea.adapters.observability import Log
from pokea.billing.spend import Need, SpendGuard
from pokea.billing.wallet import FUNDS, Standing, may_ring_unasked
from pokea.clock import Clock
from pokea.delivery_calls import (
    AGENT,
    DELIVERY_CALL,
    EVENT,
    MAX_ATTEMPTS,
    CallOutcome,
    DeliveryCall,
    Skipped,
    attempt_key,
    whom_to_ring,
)
from pokea.desk.delivery_opening import CONTEXT_KEY
from pokea.desk.settle import Decision, settle
from pokea.errors import CallError, Denied, RejectedInput, Unavailable
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.ports import CallStore, Change, Store
from pokea.profile import Profile
from pokea.sautikit.attempts import OutboundRequest, Placed, Progress, Telephony, place
from pokea.shipments import Shipment, ShipmentBook

_OUTCOMES = {
    Progress.RINGING: CallOutcome.PLACED,
    Progress.UNKNOWN: CallOutcome.UNKNOWN,
    Progress.FAILED: CallOutcome.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Reach:
    """What calls are placed with. `guard` minds the business's money, `standing` the carrier's wallet."""

    calls: CallStore
    store: Store
    telephony: Telephony
    guard: SpendGuard | None = None
    standing: Callable[[], Standing] = lambda: Standing.UNKNOWN


class _Witnessed:
    """The carrier and the guard before it, and whether one of them said that nothing was placed. A store that fails anywhere else says
    nothing about the telephone."""

    def __init__(self, reach: Reach) -> None:
        self._telephony = reach.telephony
        self._guard = reach.guard
        self.placed_nothing = False

    def place_call(self, **wish: Any) -> Placed:
        try:
            return self._telephony.place_call(**wish)
        except Unavailable:
            self.placed_nothing = True
            raise

    def admit(self, business_id: BusinessId, label: str, number: E164, need: Need, now: datetime) -> None:
        if self._guard is None:
            return
        try:
            self._guard.admit(business_id, label, number, need, now)
        except Unavailable:
            self.placed_nothing = True
            raise

    def release(self, business_id: BusinessId, label: str, now: datetime) -> None:
        if self._guard is not None:
            self._guard.release(business_id, label, now)

    def unsure(self, business_id: BusinessId, label: str, now: datetime) -> None:
        if self._guard is not None:
            self._guard.unsure(business_id, label, now)


def _cannot_wait(_: str) -> None:
    raise Unavailable("wallet_low", "the carrier's wallet is short of money")


class Messenger:
    def __init__(
        self,
        *,
        reach: Callable[[], Reach],
        profiles: Mapping[BusinessId, Profile],
        shipments: Callable[[Profile, Store], ShipmentBook],
        voice_callback_url: Callable[[], str],
        clock: Clock,
        log: Log,
        wait: Callable[[str], None] = _cannot_wait,
    ) -> None:
        """`wait`: has a message delivered once more some minutes later, as a new one."""
        self._wait = wait
        self._reach = reach
        self._profiles = profiles
        self._shipments = shipments
        self._voice_callback_url = voice_callback_url
        self._clock = clock
        self._log = log

    def take(self, body: str, event_id: str) -> None:
        """One event. Returns when nothing is left to do for it; raises Unavailable or Indeterminate to have it delivered again, and
        RejectedInput for what is no such event: it ends where somebody will look at it."""
        business_id, tracking_id = shipment_of(body)
        profile = self._profiles.get(business_id)
        if profile is None:
            raise RejectedInput("no_such_business", "the business is not known here")
        reach = self._reach()
        shipment = self._shipments(profile, reach.store).find(tracking_id)
        own = frozenset(known.line.number for known in self._profiles.values())
        number = whom_to_ring(profile, shipment, reach.store, own, self._clock.now())
        if isinstance(number, Skipped):
            self._keep(reach, business_id, tracking_id, CallOutcome.SKIPPED, number.value)
        elif shipment is not None and not self._ring(reach, profile, shipment, number):
            self._wait(body)
            self._log.info("delivery call waits for money", business_id=business_id)
            self._log.count("DeliveryCallWaits")

    def warm(self) -> None:
        self._reach()
        self._voice_callback_url()

    def _ring(self, reach: Reach, profile: Profile, shipment: Shipment, number: E164) -> bool:
        """False: there is no money for the call, and it can be placed when there is."""
        known = reach.store.record(DELIVERY_CALL, profile.business_id, shipment.tracking_id)
        attempt = known.attempt if known is not None else 0
        if not may_ring_unasked(reach.standing()):
            return known is not None and known.outcome is CallOutcome.PLACED
        request = OutboundRequest(
            line=profile.line,
            to_number=number,
            agent=AGENT,
            context={CONTEXT_KEY: shipment.tracking_id},
            idempotency_key=attempt_key(shipment.tracking_id, attempt),
        )
        carrier = _Witnessed(reach)
        try:
            outcome = place(
                request,
                store=reach.calls,
                telephony=carrier,
                voice_callback_url=self._voice_callback_url(),
                now=self._clock.now(),
                guard=carrier,
            )
        except Unavailable:
            if carrier.placed_nothing:
                self._open_another(reach, profile.business_id, shipment.tracking_id, attempt, "carrier_unavailable")
            raise
        except CallError as refusal:
            if isinstance(refusal, Denied) and refusal.code == FUNDS and attempt < MAX_ATTEMPTS:
                self._open_another(reach, profile.business_id, shipment.tracking_id, attempt, FUNDS)
                return False
            self._keep(reach, profile.business_id, shipment.tracking_id, CallOutcome.REFUSED, refusal.code)
            return True
        self._keep(
            reach,
            profile.business_id,
            shipment.tracking_id,
            _OUTCOMES[outcome.progress],
            client_request_id=outcome.client_request_id,
        )
        return True

    def _open_another(self, reach: Reach, business_id: BusinessId, tracking_id: str, attempt: int, reason: str) -> None:
        """The carrier has placed nothing under this attempt's key, and that key answers "failed" from now on."""

        def decide() -> Decision[None]:
            before = reach.store.record(DELIVERY_CALL, business_id, tracking_id) or self._fresh(
                business_id, tracking_id
            )
            if before.attempt != attempt or attempt >= MAX_ATTEMPTS:
                return Decision(None)
            after = replace(before, attempt=attempt + 1, decided_at=self._clock.now(), reason=reason)
            return Decision(None, Change(records=(DELIVERY_CALL.of(after),)))

        settle(reach.store, decide)

    def _keep(
        self,
        reach: Reach,
        business_id: BusinessId,
        tracking_id: str,
        outcome: CallOutcome,
        reason: str = "",
        client_request_id: str = "",
    ) -> None:
        """A call that was placed stays the outcome, whatever later events of the same shipment come to."""

        def decide() -> Decision[bool]:
            before = reach.store.record(DELIVERY_CALL, business_id, tracking_id) or self._fresh(
                business_id, tracking_id
            )
            if before.outcome is CallOutcome.PLACED or (before.outcome, before.reason) == (outcome, reason) != _FRESH:
                return Decision(False)
            after = replace(
                before,
                outcome=outcome,
                reason=reason,
                client_request_id=client_request_id or before.client_request_id,
                decided_at=self._clock.now(),
            )
            return Decision(True, Change(records=(DELIVERY_CALL.of(after),)))

        if settle(reach.store, decide):
            self._log.info("delivery call", business_id=business_id, outcome=outcome.value, reason=reason)
            self._log.count("DeliveryCall", outcome=outcome.value)

    def _fresh(self, business_id: BusinessId, tracking_id: str) -> DeliveryCall:
        outcome, reason = _FRESH
        return DeliveryCall(
            business_id=business_id,
            tracking_id=tracking_id,
            outcome=outcome,
            reason=reason,
            decided_at=self._clock.now(),
        )


_FRESH = (CallOutcome.SKIPPED, "")  # nothing was decided yet


def shipment_of(body: str) -> tuple[BusinessId, str]:
    """Whose which shipment went out, from an event of the bus. Raises RejectedInput."""
    try:
        event = json.loads(body)
        detail = event["detail"]
        business, shipment, kind = detail["business"], detail["shipment"], event["detail-type"]
    except (ValueError, KeyError, TypeError):
        raise RejectedInput("bad_event", "not an event of the bus") from None
    if kind != EVENT or not isinstance(business, str) or not isinstance(shipment, str):
        raise RejectedInput("bad_event", f"not a {EVENT}")
    return BusinessId(business), shipment
