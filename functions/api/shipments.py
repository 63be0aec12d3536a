"""PUT /shipments/{tracking_id}: a business reports on one of its shipments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from functions.api.doorman import SHIPMENTS_WRITE, holder
from functions.api.schemas import ERRORS
from pokea.clock import Clock
from pokea.delivery_calls import EVENT
from pokea.errors import NotFound, RejectedInput
from pokea.hours import Opening
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.ports import Store
from pokea.profile import Profile
from pokea.shipments import Report, Shipment, ShipmentStatus
from pokea.stored_shipments import StoredShipments

if TYPE_CHECKING:
    from functions.api.wiring import Api
    from pokea.adapters.observability import Log

Emit = Callable[[str, Mapping[str, str | int]], None]
MAX_NUMBERS = 5


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be words on one line")
    return text


def _window(text: str) -> str:
    if text:
        try:
            Opening.parse(text)
        except RejectedInput as problem:
            raise ValueError(problem.message) from None
    return text


Line = Annotated[str, Field(max_length=200), AfterValidator(_printable)]


class ShipmentReport(BaseModel):
    """What is left out stays as it is; the first report of a shipment needs recipient, numbers and status."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipient: Annotated[
        str | None, Field(min_length=1, max_length=80), AfterValidator(lambda t: t and _printable(t))
    ] = None
    numbers: Annotated[
        list[Annotated[str, Field(max_length=20)]] | None,
        Field(
            description="The recipient's, E.164; the first is the one that is rung",
            min_length=1,
            max_length=MAX_NUMBERS,
        ),
    ] = None
    status: ShipmentStatus | None = None
    eta_at: Annotated[AwareDatetime | None, Field(description="When the driver should be there")] = None
    deliver_on: date | None = None
    window: Annotated[str | None, AfterValidator(lambda t: t and _window(t)), Field(examples=["08:00-12:00"])] = None
    address: Line | None = None
    landmark: Line | None = None
    gate_notes: Line | None = None
    driver: Annotated[str | None, Field(pattern=r"^([a-z][a-z0-9_]{0,31})?$", description="Key in the directory")] = (
        None
    )
    driver_number: Annotated[str | None, Field(max_length=20)] = None

    def says(self) -> dict[str, object]:
        """The fields of the shipment that it speaks of. Raises RejectedInput for a number that is none."""
        said: dict[str, object] = {name: getattr(self, name) for name in self.model_fields_set}
        said = {name: value for name, value in said.items() if value is not None}
        if self.numbers is not None:
            said["numbers"] = tuple(dict.fromkeys(E164(number) for number in self.numbers))
        if self.driver_number is not None:
            said["driver_number"] = E164(self.driver_number)
        if self.eta_at is not None:
            said["eta_at"] = self.eta_at.astimezone(UTC)
        return said


class ShipmentState(BaseModel):
    """`version` grows with every change; 0: nothing is kept here, the business's own system is asked."""

    tracking_id: str
    status: ShipmentStatus
    version: int
    deliver_on: date | None
    address: str
    address_confirmed: bool
    driver_notes: list[str]


def router(provide: Callable[[], Api], log: Log) -> APIRouter:
    routes = APIRouter()

    @routes.put("/shipments/{tracking_id}", responses=ERRORS)
    def report(
        tracking_id: Annotated[str, Path(max_length=32)],
        says: ShipmentReport,
        business_id: Annotated[BusinessId, Depends(holder(SHIPMENTS_WRITE))],
    ) -> ShipmentState:
        state = provide().shipments.report(business_id, tracking_id, says)
        log.info("shipment reported", business_id=business_id, state=state.status.value)
        return state

    return routes


class ShipmentDesk:
    def __init__(
        self,
        *,
        store: Callable[[], Store],
        profiles: Callable[[], Mapping[BusinessId, Profile]],
        emit: Emit,
        clock: Clock,
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._emit = emit
        self._clock = clock

    def report(self, business_id: BusinessId, tracking_id: str, said: ShipmentReport) -> ShipmentState:
        """Store the report, unless the business keeps its shipments itself, then tell the bus of a shipment that is out for delivery, every
        time: who was not told asks again, and who takes the event rings once. Raises RejectedInput, NotFound, Conflict, and Unavailable to
        be asked again."""
        profile = self._profiles().get(business_id)
        if profile is None or profile.dispatch is None:
            raise NotFound("no_shipments", "the shipments of this business are not kept here")
        tracking_id = tracking_id.upper()
        if not tracking_id.isalnum() or not profile.dispatch.tracking.is_valid(tracking_id):
            raise RejectedInput(
                "bad_tracking_id", "the tracking id does not fit the profile's dispatch.tracking_pattern"
            )
        if "shipments" in profile.backends:
            return self._pass_on(business_id, tracking_id, said)
        report = Report(business_id=business_id, tracking_id=tracking_id, says=said.says())
        stored = StoredShipments(self._store(), business_id).report(report, self._clock.now())
        if stored.status is ShipmentStatus.OUT_FOR_DELIVERY:
            self._emit(EVENT, {"business": business_id, "shipment": tracking_id})
        return _state(stored)

    def _pass_on(self, business_id: BusinessId, tracking_id: str, said: ShipmentReport) -> ShipmentState:
        """Tell the bus of a shipment that stands in the business's own system: whoever takes the event asks that system."""
        if said.status is None:
            raise RejectedInput("status_missing", "a report on a shipment that is kept elsewhere says its status")
        said.says()  # nothing of it is kept, and what is wrong with it is still said
        if said.status is ShipmentStatus.OUT_FOR_DELIVERY:
            self._emit(EVENT, {"business": business_id, "shipment": tracking_id})
        return ShipmentState(
            tracking_id=tracking_id,
            status=said.status,
            version=0,
            deliver_on=said.deliver_on,
            address="",
            address_confirmed=False,
            driver_notes=[],
        )


def _state(shipment: Shipment) -> ShipmentState:
    return ShipmentState(
        tracking_id=shipment.tracking_id,
        status=shipment.status,
        version=shipment.version,
        deliver_on=shipment.deliver_on,
        address=shipment.address,
        address_confirmed=shipment.address_confirmed,
        driver_notes=list(shipment.driver_notes),
    )
