"""A courier and its parcels, for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pokea.clock import ManualClock
from pokea.phone_numbers import E164
from pokea.profile import PACKAGED, load_profile
from pokea.shipments import SHIPMENT, Shipment, ShipmentStatus
from pokea.tracking_ids import check_digit
from tests.fakes.conversation import AMINA, SATURDAY, Conversation
from tests.fakes.memory_store import MemoryStore

COURIER = load_profile(PACKAGED / "boda.toml")
ID = "KL470" + check_digit("KL470")
OTHER_ID = "MB215" + check_digit("MB215")
NAME = "Amina Otieno"
DRIVER = E164("+254733000001")
STRANGER = E164("+254733000009")

PARCEL = Shipment(
    business_id=COURIER.business_id,
    tracking_id=ID,
    recipient=NAME,
    numbers=(AMINA,),
    status=ShipmentStatus.OUT_FOR_DELIVERY,
    updated_at=SATURDAY,
    eta_at=SATURDAY + timedelta(minutes=41),
    address="River Road 12",
    landmark="the blue gate",
    gate_notes="ring twice",
    driver_number=DRIVER,
)
OTHER = replace(
    PARCEL,
    tracking_id=OTHER_ID,
    recipient="Peter Kamau",
    numbers=(E164("+254733000002"),),
    address="Moi Avenue 5",
    driver_number=None,
)


def desk(
    *parcels: Shipment, number: E164 | None = AMINA, language: str = "en", store: MemoryStore | None = None
) -> Conversation:
    """A call to the courier whose store holds `parcels`."""
    store = store or MemoryStore()
    store.put(*(SHIPMENT.of(parcel) for parcel in parcels or (PARCEL, OTHER)))
    return Conversation(
        store=store, profile=COURIER, agent="dispatch", a_number=number, language=language, clock=ManualClock(SATURDAY)
    )


def stored(talk: Conversation, tracking_id: str = ID) -> Shipment:
    found = talk.store.record(SHIPMENT, COURIER.business_id, tracking_id)
    assert found is not None
    return found
