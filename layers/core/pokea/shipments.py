"""Shipments: what one is, what may still be done with it, and the port to wherever the business keeps them.

A shipment is moved by the business alone: its own systems report what happens to it. Callers only say where and when it should go and
what the driver should know, and each of these is done once per intent, however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from pokea.clock import as_utc
from pokea.errors import Conflict, RejectedInput
from pokea.ids import BusinessId, IntentKey
from pokea.phone_numbers import E164
from pokea.privacy import Pii
from pokea.records import Kind

INTENTS_KEPT = 32  # of the wishes that were carried out; more are never in flight at once
NOTES_KEPT = 10


class ShipmentStatus(StrEnum):
    CREATED = "created"
    IN_DEPOT = "in_depot"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    FAILED = "failed"  # it was tried, and nobody took it
    RETURNED = "returned"  # on its way back to the sender, or there
    CANCELLED = "cancelled"


_C, _D, _O, _F = (
    ShipmentStatus.CREATED,
    ShipmentStatus.IN_DEPOT,
    ShipmentStatus.OUT_FOR_DELIVERY,
    ShipmentStatus.FAILED,
)
_OVER = frozenset({ShipmentStatus.DELIVERED, ShipmentStatus.RETURNED, ShipmentStatus.CANCELLED})
# What may follow on what. Reports come late and twice: one that would lead back out of an end is refused, one that says the same again
# changes nothing.
NEXT: dict[ShipmentStatus, frozenset[ShipmentStatus]] = {
    _C: frozenset(ShipmentStatus),
    _D: frozenset(ShipmentStatus) - {_C},
    _O: frozenset(ShipmentStatus) - {_C},
    _F: frozenset(ShipmentStatus) - {_C},
    **{over: frozenset({over}) for over in _OVER},
}
MOVABLE = frozenset({_C, _D, _O, _F})  # a caller may still change day and address, or leave word for the driver


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """One parcel on its way to one recipient. Instants are aware and in UTC; `deliver_on` is a day of the business's zone."""

    business_id: BusinessId
    tracking_id: str  # letters and digits, upper case
    recipient: str
    numbers: tuple[E164, ...]  # the recipient's: whoever calls from one of them claims to be the recipient
    status: ShipmentStatus
    updated_at: datetime
    eta_at: datetime | None = None  # when the driver should be there; only while it is out for delivery
    deliver_on: date | None = None
    window: str = ""  # "08:00-12:00"
    address: str = ""
    landmark: str = ""
    gate_notes: str = ""  # how to get in
    address_confirmed: bool = False
    driver: str = ""  # key in the business's directory
    driver_number: E164 | None = None
    driver_notes: tuple[str, ...] = ()  # what callers want the driver to know, oldest first
    intents: tuple[str, ...] = ()  # of what callers had done, oldest first
    version: int = 0

    @property
    def is_over(self) -> bool:
        return self.status in _OVER

    def is_out_on(self, today: date) -> bool:
        """Out for delivery, and not put off by the recipient meanwhile."""
        is_put_off = self.deliver_on is not None and self.deliver_on > today
        return self.status is ShipmentStatus.OUT_FOR_DELIVERY and not is_put_off

    @property
    def is_movable(self) -> bool:
        return self.status in MOVABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the business says of one shipment: fields of `Shipment` by name, only those that it speaks of."""

    business_id: BusinessId
    tracking_id: str
    says: Mapping[str, object]


def driver_lookup(number: E164) -> str:
    return f"driver:{number}"


SHIPMENT: Kind[Shipment] = Kind(
    "shipment",
    Shipment,
    key=lambda shipment: shipment.tracking_id,
    lookups=lambda shipment: (
        *shipment.numbers,
        *((driver_lookup(shipment.driver_number),) if shipment.driver_number else ()),
    ),
    privacy={
        "business_id": Pii.ID,
        "tracking_id": Pii.ID,
        "recipient": Pii.NAME,
        "numbers": Pii.CONTACT,
        "status": Pii.NONE,
        "updated_at": Pii.NONE,
        "eta_at": Pii.NONE,
        "deliver_on": Pii.NONE,
        "window": Pii.NONE,
        "address": Pii.PLACE,
        "landmark": Pii.PLACE,
        "gate_notes": Pii.PLACE,
        "address_confirmed": Pii.NONE,
        "driver": Pii.ID,
        "driver_number": Pii.CONTACT,
        "driver_notes": Pii.SPEECH,
        "intents": Pii.ID,
        "version": Pii.NONE,
    },
)


class ShipmentBook(Protocol):
    """The shipments of one business: our store, or its own system.

    Reads answer None or () for what is not there. Every method may raise Unavailable (nothing was written) or Indeterminate (a write may
    have happened; asking again with the same intent is safe). The three writes raise NotFound("no_such_shipment") and
    Conflict("not_movable") for a shipment that is over; asked again with an intent that was carried out they answer with the shipment as
    it is and change nothing.
    """

    def find(self, tracking_id: str) -> Shipment | None: ...

    def latest_of(self, number: E164) -> Shipment | None:
        """Of those addressed to `number` the one that was reported on last; one that is over only if there is no other."""

    def of_driver(self, number: E164) -> tuple[Shipment, ...]:
        """Those that the driver with `number` has out for delivery now, in the order of their ids."""

    def reschedule(
        self, intent: IntentKey, tracking_id: str, *, on: date | None, window: str, address: str | None, at: datetime
    ) -> Shipment:
        """Deliver it `on` another day within `window` ("": whenever), to another `address`, or both; None leaves what is."""

    def confirm_address(
        self, intent: IntentKey, tracking_id: str, *, address: str | None, landmark: str | None, at: datetime
    ) -> Shipment:
        """The recipient says that the address is right, or gives a better one, with what is to be seen nearby."""

    def note_for_driver(self, intent: IntentKey, tracking_id: str, note: str, *, at: datetime) -> Shipment: ...


def latest(shipments: tuple[Shipment, ...]) -> Shipment | None:
    """The one that a caller most likely means: on its way before over, reported on last before earlier ones."""
    return max(shipments, key=lambda s: (not s.is_over, s.updated_at, s.tracking_id), default=None)


def rescheduled(
    shipment: Shipment, intent: IntentKey, *, on: date | None, window: str, address: str | None, at: datetime
) -> Shipment:
    """The same object when `intent` was carried out before. Raises Conflict("not_movable")."""
    changes: dict[str, Any] = {}
    if on is not None:
        changes |= {"deliver_on": on, "window": window, "eta_at": None}
    if address is not None:
        # What was known of how to find the old place says nothing about the new one.
        changes |= {"address": address, "landmark": "", "gate_notes": "", "address_confirmed": True, "eta_at": None}
    return _changed(shipment, intent, at, changes)


def address_confirmed(
    shipment: Shipment, intent: IntentKey, *, address: str | None, landmark: str | None, at: datetime
) -> Shipment:
    """The same object when `intent` was carried out before. Raises Conflict("not_movable")."""
    changes: dict[str, Any] = {"address_confirmed": True}
    if address is not None and address != shipment.address:
        changes |= {"address": address, "landmark": "", "gate_notes": ""}
    if landmark is not None:
        changes["landmark"] = landmark
    return _changed(shipment, intent, at, changes)


def noted_for_driver(shipment: Shipment, intent: IntentKey, note: str, *, at: datetime) -> Shipment:
    """The same object when `intent` was carried out before. Raises Conflict("not_movable")."""
    return _changed(shipment, intent, at, {"driver_notes": (*shipment.driver_notes, note)[-NOTES_KEPT:]})


def reported(before: Shipment | None, report: Report, at: datetime) -> Shipment:
    """The shipment after the business's own report on it, ready to be written; `before` itself when the report says nothing new.

    What the report leaves out stays, and so does what callers have said. Raises RejectedInput("incomplete") for a first report that lacks
    what a shipment cannot be without, and Conflict("shipment_is_over") for one that leads back out of an end.
    """
    if before is None:
        if missing := [name for name in ("recipient", "numbers", "status") if name not in report.says]:
            raise RejectedInput("incomplete", f"a new shipment needs: {', '.join(missing)}")
        says: dict[str, Any] = dict(report.says)
        return Shipment(business_id=report.business_id, tracking_id=report.tracking_id, updated_at=as_utc(at), **says)
    status = report.says.get("status", before.status)
    if status not in NEXT[before.status]:
        raise Conflict("shipment_is_over", f"a shipment that is {before.status.value} cannot become {status}")
    changes: dict[str, Any] = {name: value for name, value in report.says.items() if getattr(before, name) != value}
    if not changes:
        return before
    if "address" in changes:
        changes["address_confirmed"] = False
    return replace(before, **changes, updated_at=as_utc(at))


def diagram() -> str:
    """`NEXT` as a Mermaid state diagram; a report that says the same again changes nothing and is not drawn."""
    lines = ["stateDiagram-v2", "    [*] --> created"]
    for before in ShipmentStatus:
        lines += [
            f"    {before.value} --> {after.value}" for after in ShipmentStatus if after in NEXT[before] - {before}
        ]
    return "\n".join([*lines, *(f"    {over.value} --> [*]" for over in ShipmentStatus if over in _OVER)]) + "\n"


def _changed(shipment: Shipment, intent: IntentKey, at: datetime, changes: dict[str, Any]) -> Shipment:
    if intent in shipment.intents:
        return shipment
    if not shipment.is_movable:
        raise Conflict("not_movable", f"the shipment is {shipment.status.value}")
    kept = (*shipment.intents, intent)[-INTENTS_KEPT:]
    return replace(shipment, **changes, intents=kept, updated_at=as_utc(at))
