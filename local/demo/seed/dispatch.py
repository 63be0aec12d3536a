"""A courier's parcels as the demo finds them: one on its way to the caller, one that belongs to somebody else."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from local.engine.names import NAMES
from pokea.phone_numbers import E164
from pokea.profile import Profile
from pokea.records import Stored
from pokea.shipments import SHIPMENT, Shipment, ShipmentStatus
from pokea.tracking_ids import check_digit

LETTERS = "ABDEGHKLMNPRTVZ"  # whose NATO words are furthest apart on a telephone
ETA_MINUTES = 42  # said as "about 40 minutes"
PLACES = ("River Road house number twelve", "Moi Avenue house number five", "Ngong Road house number nine")
LANDMARKS = ("the blue gate", "opposite the church", "next to the petrol station", "behind the school")


@dataclass(frozen=True)
class Seed:
    """`number`: the recipient's. `driver_number`: whoever calls from it has the parcel out for delivery."""

    name: str
    number: str
    tracking_id: str
    address: str
    landmark: str
    gate_notes: str
    driver_number: str
    other_name: str
    other_tracking_id: str  # somebody else's parcel


def fixed(today: date, number: str) -> Seed:
    return Seed(
        name="Grace Wanjiru",
        number=number,
        tracking_id=_id("KL470"),
        address=PLACES[0],
        landmark=LANDMARKS[0],
        gate_notes="ring the bell twice",
        driver_number="+254733000801",
        other_name="Peter Kamau",
        other_tracking_id=_id("MB215"),
    )


def drawn(today: date, number: str, rng: random.Random) -> Seed:
    name, other = rng.sample(NAMES, 2)
    own_id, other_id = _drawn_id(rng), _drawn_id(rng)
    while other_id == own_id:
        other_id = _drawn_id(rng)
    return Seed(
        name=name,
        number=number,
        tracking_id=own_id,
        address=rng.choice(PLACES),
        landmark=rng.choice(LANDMARKS),
        gate_notes="ring the bell twice",
        driver_number="+254733000801",
        other_name=other,
        other_tracking_id=other_id,
    )


def records(profile: Profile, seed: Seed, now: datetime) -> tuple[Stored[Any], ...]:
    """The caller's parcel is out for delivery with the driver; the other one waits in the depot."""
    own = Shipment(
        business_id=profile.business_id,
        tracking_id=seed.tracking_id,
        recipient=seed.name,
        numbers=(E164(seed.number),),
        status=ShipmentStatus.OUT_FOR_DELIVERY,
        updated_at=now,
        eta_at=now + timedelta(minutes=ETA_MINUTES),
        address=seed.address,
        landmark=seed.landmark,
        gate_notes=seed.gate_notes,
        driver_number=E164(seed.driver_number),
    )
    other = Shipment(
        business_id=profile.business_id,
        tracking_id=seed.other_tracking_id,
        recipient=seed.other_name,
        numbers=(E164("+254733000802"),),
        status=ShipmentStatus.IN_DEPOT,
        updated_at=now - timedelta(hours=3),
        address=PLACES[-1],
    )
    return SHIPMENT.of(own), SHIPMENT.of(other)


def _id(body: str) -> str:
    return body + check_digit(body)


def _drawn_id(rng: random.Random) -> str:
    return _id("".join(rng.choice(LETTERS) for _ in range(2)) + "".join(rng.choice("0123456789") for _ in range(3)))
