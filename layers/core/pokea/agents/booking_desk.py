"""The booking agent's tools: which function does what a model asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pokea.agents.arguments import problem_with
from pokea.agents.base import Desk
from pokea.agents.booking_commit import commit_proposal
from pokea.agents.booking_propose import asked_service, propose_booking, propose_cancel, propose_move, withdraw_open
from pokea.agents.booking_when import free_in, no, times_payload, understand
from pokea.agents.own_appointments import described, own_appointments
from pokea.agents.visit import Visit, refused, reply
from pokea.booking import Appointment, Reason, has_room
from pokea.booking_decisions import keys_for, why_not
from pokea.clock import as_utc
from pokea.identity import Caller
from pokea.spoken import times
from pokea.spoken_time import DaysOnly
from pokea.toolkit import Effect, ToolCall, ToolResult, ToolSpec


def run(call: ToolCall, specs: tuple[ToolSpec, ...], caller: Caller, desk: Desk, now: datetime) -> ToolResult:
    """What comes of one tool call. Anything that is not exactly a declared call is refused before it touches the store."""
    visit = Visit(call, caller, desk, as_utc(now))
    spec = next((spec for spec in specs if spec.name == call.name), None)
    if spec is None:
        return refused("unknown_tool", visit.say("say_again"))
    problem = problem_with(spec, call.arguments)
    if problem is not None:
        return refused("bad_arguments", visit.say("say_again"), problem=problem)
    if spec.effect is Effect.PROPOSE:
        withdraw_open(visit)
    return _TOOLS[spec.name](visit)


def find_times(visit: Visit) -> ToolResult:
    service = asked_service(visit)
    if isinstance(service, ToolResult):
        return service
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


def end_call(visit: Visit) -> ToolResult:
    words = visit.say("goodbye", business=visit.desk.profile.name)
    return ToolResult({"status": "ok", "say": words}, end_call=True)


def _row(visit: Visit, appointment: Appointment) -> dict[str, str]:
    return {
        "reference": str(appointment.appointment_id),
        "service": appointment.service,
        "starts_at": visit.iso(appointment.starts_at),
        "spoken": visit.instant(appointment.starts_at),
    }


_TOOLS: dict[str, Callable[[Visit], ToolResult]] = {
    "findTimes": find_times,
    "listAppointments": list_appointments,
    "proposeBooking": propose_booking,
    "proposeMove": propose_move,
    "proposeCancel": propose_cancel,
    "commitProposal": commit_proposal,
    "endCall": end_call,
}
