"""Looking into the diary: free times, and the caller's own appointments."""

from __future__ import annotations

from pokea.booking import Appointment, Reason, Service, has_room
from pokea.booking_decisions import keys_for, why_not
from pokea.desk.booking_propose import asked_service
from pokea.desk.booking_when import free_in, no, times_payload, understand
from pokea.desk.own_appointments import described, own_appointments
from pokea.desk.practitioners import with_somebody
from pokea.desk.visit import Visit, reply
from pokea.spoken.aloud import times
from pokea.spoken.times import DaysOnly
from pokea.toolkit import ToolResult


def find_times(visit: Visit) -> ToolResult:
    service = asked_service(visit)
    if isinstance(service, ToolResult):
        return service
    return with_somebody(visit, service, lambda at: _times_at(at, service))


def _times_at(visit: Visit, service: Service) -> ToolResult:
    today = visit.today
    when = understand(visit, service) if visit.text("when") else DaysOnly(today, visit.rules.last_day(visit.now))
    if isinstance(when, ToolResult):
        return when
    if isinstance(when, DaysOnly):
        found = free_in(visit, service, when)
        if isinstance(found, ToolResult):
            return found
        listed = times(found, visit.tz, visit.language)
        return reply("ok", visit.say("free_times", times=listed), times=times_payload(visit, found))
    barred = why_not(visit.rules, service, when, visit.now)
    if barred:
        return no(visit, barred.reason, service, when)
    slots = visit.store.slots(keys_for(visit.rules, service, when))
    if not has_room(slots, visit.rules.capacity, visit.now):
        return no(visit, Reason.TAKEN, service, when)
    return reply("ok", visit.say("free", time=visit.instant(when)), times=times_payload(visit, [when]))


def list_appointments(visit: Visit) -> ToolResult:
    own = own_appointments(visit)
    if isinstance(own, ToolResult):
        return own
    listed = visit.listed([described(visit, appointment) for appointment in own], all_of=True)
    return reply("ok", visit.say("appointments", appointments=listed), appointments=[_row(visit, a) for a in own])


def _row(visit: Visit, appointment: Appointment) -> dict[str, str]:
    return {
        "reference": str(appointment.appointment_id),
        "service": appointment.service,
        "starts_at": visit.iso(appointment.starts_at),
        "spoken": visit.instant(appointment.starts_at),
    }
