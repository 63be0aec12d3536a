"""The call ahead of a delivery: a parcel that goes out leads to at most one, and what came of it is kept.

The event that a parcel is out comes at least once, late and in any order. What decides is the shipment as it is now; what keeps the second
call from being placed is the key of the attempt (`attempt_key`), which is the same for every event of one shipment. Only a carrier that
has certainly placed nothing opens the way to another attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pokea.consent import is_suppressed
from pokea.dispatch import may_call
from pokea.hours import local
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.ports import Records
from pokea.privacy import Pii
from pokea.profile import Profile
from pokea.records import Kind
from pokea.shipments import Shipment

EVENT = "ShipmentOutForDelivery"
AGENT = "dispatch"
MAX_ATTEMPTS = 5  # with a carrier that places nothing; the queue gives up as early


class Skipped(StrEnum):
    """Why no call is placed."""

    NOT_OUT = "not_out"  # no such shipment any more, or it is not out for delivery, or the recipient has put it off
    NOT_WANTED = "not_wanted"  # the business's profile places no such calls
    SUPPRESSED = "suppressed"  # the recipient does not want to be called
    OUTSIDE_HOURS = "outside_hours"
    NO_NUMBER = "no_number"
    NOT_ALLOWED = "not_allowed"  # no ordinary number of an allowed country


class CallOutcome(StrEnum):
    PLACED = "placed"
    UNKNOWN = "unknown"  # asked for, and the carrier has not said what became of it
    REFUSED = "refused"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryCall:
    """What came of the latest event of one shipment. `attempt`: how often the carrier has certainly placed nothing."""

    business_id: BusinessId
    tracking_id: str
    outcome: CallOutcome
    decided_at: datetime
    reason: str = ""
    client_request_id: str = ""
    attempt: int = 0
    version: int = 0


DELIVERY_CALL: Kind[DeliveryCall] = Kind(
    "delivery_call",
    DeliveryCall,
    key=lambda call: call.tracking_id,
    privacy={
        "business_id": Pii.ID,
        "tracking_id": Pii.ID,
        "outcome": Pii.NONE,
        "decided_at": Pii.NONE,
        "reason": Pii.NONE,
        "client_request_id": Pii.ID,
        "attempt": Pii.NONE,
        "version": Pii.NONE,
    },
)


def attempt_key(tracking_id: str, attempt: int) -> str:
    """Names the wish for the telephony: the same for every event of one shipment."""
    return f"delivery-{tracking_id}" + (f".{attempt}" if attempt else "")


def whom_to_ring(
    profile: Profile, shipment: Shipment | None, records: Records, own_numbers: frozenset[E164], now: datetime
) -> E164 | Skipped:
    """The recipient's first number, or why nobody is rung."""
    rules = profile.dispatch
    if shipment is None or not shipment.is_out_on(local(now, profile.tz).date()):
        return Skipped.NOT_OUT
    if rules is None or not rules.calls_ahead:
        return Skipped.NOT_WANTED
    if not shipment.numbers:
        return Skipped.NO_NUMBER
    number = shipment.numbers[0]
    if number in own_numbers or profile.directory.policy.problem_with(number) is not None:
        return Skipped.NOT_ALLOWED
    if is_suppressed(records, profile.business_id, number):
        return Skipped.SUPPRESSED
    return number if may_call(rules, profile.hours, profile.tz, now) else Skipped.OUTSIDE_HOURS
