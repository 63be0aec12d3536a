"""A business's shipments in our own store: `pokea.shipments.ShipmentBook`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from pokea.desk.settle import Decision, settle
from pokea.errors import NotFound
from pokea.ids import BusinessId, IntentKey
from pokea.phone_numbers import E164
from pokea.ports import Change, Store
from pokea.shipments import (
    SHIPMENT,
    Report,
    Shipment,
    ShipmentStatus,
    address_confirmed,
    driver_lookup,
    latest,
    noted_for_driver,
    reported,
    rescheduled,
)


class StoredShipments:
    def __init__(self, store: Store, business_id: BusinessId) -> None:
        self._store = store
        self._business_id = business_id

    def find(self, tracking_id: str) -> Shipment | None:
        return self._store.record(SHIPMENT, self._business_id, tracking_id)

    def latest_of(self, number: E164) -> Shipment | None:
        return latest(self._store.records_by(SHIPMENT, self._business_id, number))

    def of_driver(self, number: E164) -> tuple[Shipment, ...]:
        given = self._store.records_by(SHIPMENT, self._business_id, driver_lookup(number))
        return tuple(shipment for shipment in given if shipment.status is ShipmentStatus.OUT_FOR_DELIVERY)

    def reschedule(
        self, intent: IntentKey, tracking_id: str, *, on: date | None, window: str, address: str | None, at: datetime
    ) -> Shipment:
        return self._change(tracking_id, lambda s: rescheduled(s, intent, on=on, window=window, address=address, at=at))

    def confirm_address(
        self, intent: IntentKey, tracking_id: str, *, address: str | None, landmark: str | None, at: datetime
    ) -> Shipment:
        return self._change(
            tracking_id, lambda s: address_confirmed(s, intent, address=address, landmark=landmark, at=at)
        )

    def note_for_driver(self, intent: IntentKey, tracking_id: str, note: str, *, at: datetime) -> Shipment:
        return self._change(tracking_id, lambda s: noted_for_driver(s, intent, note, at=at))

    def report(self, report: Report, at: datetime) -> Shipment:
        """Take the business's own report in. Raises RejectedInput("incomplete") and Conflict("shipment_is_over")."""

        def decide() -> Decision[Shipment]:
            before = self.find(report.tracking_id)
            after = reported(before, report, at)
            return _written(before, after)

        return settle(self._store, decide)

    def _change(self, tracking_id: str, change: Callable[[Shipment], Shipment]) -> Shipment:
        def decide() -> Decision[Shipment]:
            before = self.find(tracking_id)
            if before is None:
                raise NotFound("no_such_shipment", "there is no such shipment")
            return _written(before, change(before))

        return settle(self._store, decide)


def _written(before: Shipment | None, after: Shipment) -> Decision[Shipment]:
    if after is before:
        return Decision(after)
    return Decision(replace(after, version=after.version + 1), Change(records=(SHIPMENT.of(after),)))
