"""The courier's scenarios: recipients, a driver, and a recipient whom the agent itself rings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from local.caller import Rule
from local.demo import handoff
from local.demo.scenario import (
    Area,
    Played,
    Plot,
    Problems,
    Request,
    Row,
    Scenario,
    ended_well,
    expect,
    manners,
    manners_in_swahili,
    one_commit,
    opening,
    statuses,
)
from local.demo.seed import dispatch as seeds
from local.demo.seed.dispatch import Seed
from local.engine.answers import DIGITS, LETTERS
from pokea.ports import Store
from pokea.profile import Profile
from pokea.shipments import SHIPMENT

SPELLING = {word[0].upper(): word for word in LETTERS}
STRANGER = "+254733000803"


def spelled(tracking_id: str) -> str:
    return " ".join(DIGITS["en"][int(one)] if one.isdigit() else SPELLING[one] for one in tracking_id)


def track_rules(seed: Seed) -> list[Rule]:
    return [opening("where is my parcel"), *manners(seed.name)]


def judge_track(played: Played) -> Problems:
    return [
        *expect(statuses(played, "trackShipment") == ["ok"], "the parcel was not found"),
        *expect(any("out for delivery" in said for said in played.agent_said), "where it is was not told"),
        *expect(
            not any(played.wish.address.lower() in said.lower() for said in played.agent_said), "the address was told"
        ),
        *ended_well(played),
    ]


def move_rules(seed: Seed) -> list[Rule]:
    return [
        opening("i want to reschedule my delivery"),
        Rule(r"on which day", "tomorrow afternoon"),
        Rule(r"shall i arrange", "yes please"),
        *manners(seed.name),
    ]


def move_rules_in_swahili(seed: Seed) -> list[Rule]:
    return [
        opening("nataka kubadilisha siku ya kuletewa mzigo"),
        Rule(r"siku gani", "kesho mchana"),
        Rule(r"nipange hivyo", "ndio tafadhali"),
        *manners_in_swahili(seed.name),
    ]


def judge_move(played: Played) -> Problems:
    (parcel,) = played.rows("shipment")
    tomorrow = (datetime.now(UTC) + timedelta(hours=3, days=1)).date()
    return [
        *one_commit(played, "rescheduled"),
        *expect(parcel["deliver_on"] == tomorrow.isoformat(), f"it is planned for {parcel['deliver_on']!r}"),
        *expect(parcel["window"] >= "11:00", f"not in the afternoon: {parcel['window']!r}"),
        *ended_well(played),
    ]


def stranger_rules(seed: Seed) -> list[Rule]:
    """Somebody who knows the number on the parcel and not whose it is."""
    return [
        opening("where is my parcel"),
        Rule(r"tracking number|one character", f"it is {spelled(seed.tracking_id)}"),
        Rule(r"full name", f"my name is {seed.other_name}"),
        Rule(r"shall i connect", "no thank you"),
        *manners(),
    ]


def judge_stranger(played: Played) -> Problems:
    found = statuses(played, "trackShipment")
    return [
        *expect("ok" not in found, "a stranger was told where the parcel is"),
        *expect("none" in found or "refused" in found, f"trackShipment came back with {found}"),
        *expect(not any(played.wish.name in said for said in played.agent_said), "the recipient's name was told"),
        *ended_well(played),
    ]


def driver_rules(seed: Seed) -> list[Rule]:
    return [
        opening("where is the gate"),
        Rule(r"can you find it now", "no"),
        Rule(r"shall i take a message", "no thank you"),
        *manners(),
    ]


def judge_driver(played: Played) -> Problems:
    said = " ".join(played.agent_said).lower()
    return [
        *expect(played.wish.landmark.lower() in said, "the driver was not told what to look for"),
        *handoff.judge_not_joined("no_answer", rang=False)(played),
    ]


def delivery_rules(seed: Seed) -> list[Rule]:
    return [
        Rule(r"will somebody be there", "yes i will be at home"),
        Rule(r"is that right", "yes please"),
        *manners(seed.name),
    ]


def judge_delivery(played: Played) -> Problems:
    (parcel,) = played.rows("shipment")
    return [
        *one_commit(played, "confirmed"),
        *expect("somebody will be there" in parcel["notes"].lower(), f"the driver knows {parcel['notes']!r}"),
        *ended_well(played),
    ]


def the_parcel_went_out(seed: Seed) -> Request:
    """The courier's own system reports it; that is what has the recipient rung."""
    eta = datetime.now(UTC) + timedelta(minutes=25)
    body = {"status": "out_for_delivery", "eta_at": eta.isoformat()}
    return Request("PUT", f"/shipments/{seed.tracking_id}", body, scope="shipments:write")


def stored(store: Store, profile: Profile, wish: Any, session_id: str) -> list[Row]:
    parcel = store.record(SHIPMENT, profile.business_id, wish.tracking_id)
    if parcel is None:
        return []
    return [
        {
            "kind": "shipment",
            "tracking_id": parcel.tracking_id,
            "status": parcel.status.value,
            "deliver_on": parcel.deliver_on.isoformat() if parcel.deliver_on else "",
            "window": parcel.window,
            "notes": "; ".join(parcel.driver_notes),
        }
    ]


TRACK = Scenario("track", "told where it is", track_rules, judge_track)
MOVE = Scenario("reschedule", "brought tomorrow", move_rules, judge_move)
SWAHILI = Scenario("swahili", "brought tomorrow, in Swahili", move_rules_in_swahili, judge_move)
STRANGER_ASKS = Scenario(
    "refused", "a stranger learned nothing", stranger_rules, judge_stranger, calls_from=lambda _: STRANGER
)
DRIVER = Scenario(
    "handoff-no-answer",
    "told the landmark; nobody at dispatch picked up",
    driver_rules,
    judge_driver,
    human=handoff.NEVER_ANSWERS,
    calls_from=lambda seed: str(seed.driver_number),
)
DELIVERY = Scenario(
    "delivery", "rang the recipient, noted for the driver", delivery_rules, judge_delivery, request=the_parcel_went_out
)

AREA = Area(
    "dispatch",
    (
        Plot((TRACK, MOVE)),
        Plot((DRIVER,)),
        Plot((DELIVERY,)),
        Plot((STRANGER_ASKS,), once=True),
        Plot((SWAHILI,), language="sw", once=True),
    ),
    (Plot((MOVE,), once=True),),
    seeds.fixed,
    seeds.drawn,
    seeds.records,
    stored,
)
