"""Shipments in a business's own system: `pokea.shipments.ShipmentBook`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pokea.adapters.http_backend import HttpBackend
from pokea.adapters.http_fields import Fields, one, several
from pokea.backends import BackendDown, BackendUnsure
from pokea.errors import Conflict, NotFound
from pokea.ids import BusinessId, IntentKey
from pokea.phone_numbers import E164
from pokea.shipments import Shipment, ShipmentStatus, latest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HttpShipments:
    business_id: BusinessId
    country: str
    system: HttpBackend

    def find(self, tracking_id: str) -> Shipment | None:
        """An answer that is about another shipment than the one asked for is nobody's."""
        found = one(self.system.backend, "shipment", self.system.read("find", tracking_id=tracking_id or "-"))
        shipment = self._shipment(found) if found else None
        return shipment if shipment and shipment.tracking_id == tracking_id else None

    def latest_of(self, number: E164) -> Shipment | None:
        """A row that names other numbers only is not this caller's."""
        rows = [self._shipment(row, number) for row in self._rows("latest_of", number)]
        return latest(tuple(shipment for shipment in rows if number in shipment.numbers))

    def of_driver(self, number: E164) -> tuple[Shipment, ...]:
        rows = (self._shipment(row) for row in self._rows("of_driver", number))
        out = (shipment for shipment in rows if shipment.status is ShipmentStatus.OUT_FOR_DELIVERY)
        return tuple(sorted(out, key=lambda shipment: shipment.tracking_id))

    def reschedule(
        self, intent: IntentKey, tracking_id: str, *, on: date | None, window: str, address: str | None, at: datetime
    ) -> Shipment:
        body = {
            "deliver_on": on.isoformat() if on else None,
            "window": window or None,
            "address": address,
            "at": at.isoformat(),
        }
        return self._written("reschedule", intent, tracking_id, body)

    def confirm_address(
        self, intent: IntentKey, tracking_id: str, *, address: str | None, landmark: str | None, at: datetime
    ) -> Shipment:
        body = {"address": address, "landmark": landmark, "confirmed": True, "at": at.isoformat()}
        return self._written("confirm_address", intent, tracking_id, body)

    def note_for_driver(self, intent: IntentKey, tracking_id: str, note: str, *, at: datetime) -> Shipment:
        return self._written("note_for_driver", intent, tracking_id, {"note": note, "at": at.isoformat()})

    # --- how it is read and written -------------------------------------------------------------------------------------------

    def _rows(self, operation: str, number: E164) -> tuple[Fields, ...]:
        if not self.system.can(operation):
            return ()
        content = self.system.read(operation, number=number)
        rows = content if isinstance(content, list) or content is None else [content]
        return several(self.system.backend, "shipment", rows)

    def _written(self, operation: str, intent: IntentKey, tracking_id: str, body: Mapping[str, object]) -> Shipment:
        """The shipment as it is now: from the answer, or asked for. Raises NotFound, and Conflict("not_movable") as it came."""
        try:
            content = self.system.write(operation, intent, body, tracking_id=tracking_id)
        except Conflict as problem:
            raise Conflict("not_movable", problem.message) from None
        if content is None:
            raise NotFound("no_such_shipment", "the system knows no such shipment")
        try:
            found = one(self.system.backend, "shipment", content)
            is_whole = found is not None and found.text("tracking_id") == tracking_id and found.text("status")
            shipment = self._shipment(found) if found is not None and is_whole else self.find(tracking_id)
        except BackendDown as problem:  # it was carried out; what it led to cannot be told
            raise BackendUnsure("backend_reply", problem.message) from None
        if shipment is None:
            raise BackendUnsure("backend_reply", "the shipment is no longer found")
        return shipment

    def _shipment(self, row: Fields, number: E164 | None = None) -> Shipment:
        """`number`: whose it is where the row names nobody's."""
        numbers = row.numbers("numbers", self.country)
        drivers = row.numbers("driver_number", self.country)
        return Shipment(
            business_id=self.business_id,
            tracking_id=row.required("tracking_id").upper(),
            recipient=row.text("recipient"),
            numbers=numbers or ((number,) if number else ()),
            status=row.state("status", ShipmentStatus),
            updated_at=row.instant("updated_at") or _EPOCH,
            eta_at=row.instant("eta_at"),
            deliver_on=row.day("deliver_on"),
            window=row.text("window"),
            address=row.text("address"),
            landmark=row.text("landmark"),
            gate_notes=row.text("gate_notes"),
            address_confirmed=row.flag("address_confirmed"),
            driver=row.text("driver"),
            driver_number=drivers[0] if drivers else None,
        )
