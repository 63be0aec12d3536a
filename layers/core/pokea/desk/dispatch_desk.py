"""Looking at shipments: where a parcel is and when it comes, and how a driver finds the place."""

from __future__ import annotations

from datetime import date, timedelta

from pokea import dispatch
from pokea.desk.own_shipments import EXACTLY, Need, asking, identified, said_id, spoken_id, to_dispatch
from pokea.desk.visit import Visit, reply
from pokea.errors import RejectedInput
from pokea.hours import Opening, bounds, local
from pokea.shipments import Shipment, ShipmentStatus
from pokea.spoken import aloud as spoken
from pokea.toolkit import ToolResult, then_yes_no
from pokea.words import say

LATE_BY = timedelta(minutes=10)  # until then "any minute" is still true


def track_shipment(visit: Visit) -> ToolResult:
    known = identified(visit, Need.STATE)
    if isinstance(known, ToolResult):
        return known
    shipment = known.shipment
    state = state_of(visit, shipment)
    facts = {
        "tracking_id": shipment.tracking_id,
        "state": shipment.status.value,
        "eta_minutes": eta_minutes(visit, shipment),
        "deliver_on": shipment.deliver_on.isoformat() if shipment.deliver_on else None,
    }
    if shipment.status is ShipmentStatus.FAILED:
        again = {"tool": "reschedule", "arguments": {"trackingId": EXACTLY + shipment.tracking_id}}
        words = f"{state} {visit.say('track_another_day')}"
        return reply("ok", words, **facts, then=then_yes_no(again, None))
    return reply("ok", f"{state} {visit.say('anything_else')}", **facts)


def state_of(visit: Visit, shipment: Shipment) -> str:
    """One sentence on where the parcel is, and when it comes if that is known."""
    parcel = visit.say("track_parcel", id=spoken_id(visit, shipment.tracking_id))
    if shipment.is_out_on(visit.today):
        return f"{parcel} {_on_its_way(visit, shipment)}"
    words = f"{parcel} {_said(visit, f'track_{shipment.status.value}')}"
    if not shipment.is_over and shipment.deliver_on is not None:
        words += (
            f" {visit.say('track_planned', day=visit.day(shipment.deliver_on), window=window_words(visit, shipment))}"
        )
    return words


def eta_minutes(visit: Visit, shipment: Shipment) -> int | None:
    if not shipment.is_out_on(visit.today) or shipment.eta_at is None:
        return None
    return max(0, dispatch.minutes_until(shipment.eta_at, visit.now))


def window_words(visit: Visit, shipment: Shipment) -> str:
    """ ", between 12 noon and 4 o'clock in the afternoon", or nothing."""
    return spoken_window(visit, shipment.deliver_on, shipment.window) if shipment.deliver_on else ""


def spoken_window(visit: Visit, day: date, window: str) -> str:
    if not window:
        return ""
    try:
        opens, closes = bounds(day, Opening.parse(window), visit.tz)
    except RejectedInput:  # a business's own system may write what it likes
        return ""
    clocks = {
        "opens": spoken.clock(opens, visit.tz, visit.language),
        "closes": spoken.clock(closes, visit.tz, visit.language),
    }
    return _said(visit, "track_window", **clocks)


def find_gate(visit: Visit) -> ToolResult:
    """For the driver who has the parcel: what is known of how to find the place."""
    said = said_id(visit)
    if isinstance(said, ToolResult):
        return said
    number = visit.caller.a_number
    out = visit.desk.shipments.of_driver(number) if number is not None else ()
    meant = [shipment for shipment in out if said in ("", shipment.tracking_id)]
    if not meant:
        return reply("none", visit.say("gate_none"), then=then_yes_no(to_dispatch(visit, "a driver needs help"), None))
    if len(meant) > 1:
        choices = [{"value": EXACTLY + s.tracking_id, "spoken": spoken_id(visit, s.tracking_id)} for s in meant]
        listed = visit.listed([choice["spoken"] for choice in choices])
        return asking(visit, "trackingId", "gate_which", "choice", choices, choices=listed)
    return _the_way(visit, meant[0])


def _the_way(visit: Visit, shipment: Shipment) -> ToolResult:
    id_words, help_ = spoken_id(visit, shipment.tracking_id), to_dispatch(visit, "the driver cannot find the gate")
    facts = {"tracking_id": shipment.tracking_id, "landmark": shipment.landmark, "gate_notes": shipment.gate_notes}
    if not shipment.landmark and not shipment.gate_notes:
        return reply("ok", visit.say("gate_unknown", id=id_words), **facts, then=then_yes_no(help_, None))
    hints = [hint.rstrip(".") for hint in (shipment.landmark, shipment.gate_notes) if hint]
    words = visit.say("gate_found", id=id_words, hints=". ".join(hint[:1].upper() + hint[1:] for hint in hints))
    return reply("ok", words, **facts, then=then_yes_no(None, help_))


def _on_its_way(visit: Visit, shipment: Shipment) -> str:
    if shipment.eta_at is None:
        return _said(visit, "track_out")
    minutes = dispatch.minutes_until(shipment.eta_at, visit.now)
    if shipment.eta_at + LATE_BY < visit.now:
        return _said(visit, "track_late")
    if minutes <= 0:
        return _said(visit, "track_now")
    if minutes <= dispatch.MINUTES_UP_TO:
        return _said(visit, "track_minutes", minutes=str(minutes))
    is_today = local(shipment.eta_at, visit.tz).date() == visit.today
    when = spoken.clock(shipment.eta_at, visit.tz, visit.language) if is_today else visit.instant(shipment.eta_at)
    return _said(visit, "track_clock", time=when)


def _said(visit: Visit, key: str, **fields: str) -> str:
    """Words that stand inside a sentence: without a capital."""
    return say(visit.language, key, **fields)
