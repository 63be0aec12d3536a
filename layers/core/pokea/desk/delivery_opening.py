"""How a call begins that we placed about a parcel: the agent knows which, and asks at once what it was placed for."""

from __future__ import annotations

from collections.abc import Mapping

from pokea.desk.base import Opening
from pokea.desk.dispatch_desk import eta_minutes
from pokea.desk.own_shipments import rung_about
from pokea.desk.visit import Visit
from pokea.dispatch import MINUTES_UP_TO
from pokea.retention import Recording
from pokea.shipments import Shipment, ShipmentStatus
from pokea.spoken import aloud as spoken
from pokea.toolkit import then

CONTEXT_KEY = "shipment"  # of the context a call is placed with


def opening(visit: Visit, context: Mapping[str, object]) -> Opening | None:
    """None where nothing is known, or nothing that could be asked: the call then begins as any other.

    Only a shipment that is addressed to the number we rang is spoken of: whoever answers is told that there is a parcel and when it
    comes, and neither name nor address.
    """
    shipment = _about(visit, context)
    if shipment is None or shipment.is_over:
        return None
    rung_about(visit, shipment)
    question = _question(visit, shipment)
    if (
        question is None or visit.desk.profile.recording is Recording.ASK
    ):  # one question at a time, and that one comes first
        return None
    key = "dispatch_hello_recorded" if visit.desk.profile.recording is Recording.NOTICE else "dispatch_hello"
    words, first = question
    return Opening(f"{visit.say(key, business=visit.desk.profile.name)} {words}", first)


def _about(visit: Visit, context: Mapping[str, object]) -> Shipment | None:
    number, named = visit.caller.a_number, context.get(CONTEXT_KEY)
    if number is None:
        return None
    book = visit.desk.shipments
    shipment = book.find(str(named).upper()) if named else book.latest_of(number)
    return shipment if shipment is not None and number in shipment.numbers else None


def _question(visit: Visit, shipment: Shipment) -> tuple[str, dict[str, object]] | None:
    answer = then("deliveryAnswer", "answer", "yes_no")
    minutes = eta_minutes(visit, shipment)
    if minutes and minutes > MINUTES_UP_TO and shipment.eta_at is not None:
        time = spoken.clock(shipment.eta_at, visit.tz, visit.language)
        return visit.say("dispatch_greeting_clock", time=time), answer
    if minutes:
        return visit.say("dispatch_greeting_eta", minutes=str(minutes)), answer
    if shipment.is_out_on(visit.today):
        return visit.say("dispatch_greeting_out"), answer
    if shipment.status is ShipmentStatus.FAILED:
        return visit.say("dispatch_greeting_failed"), then("reschedule", "when", "when")
    if shipment.deliver_on is not None and shipment.deliver_on >= visit.today:
        return visit.say("dispatch_greeting_planned", day=visit.day(shipment.deliver_on)), answer
    return None
