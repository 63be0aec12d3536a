"""Whose diary a wish is about, where a business keeps several: the named practitioner's, or that of the first who can."""

from __future__ import annotations

from collections.abc import Callable

from pokea.booking import Appointment, Practitioner, Service
from pokea.desk.visit import Visit, ask
from pokea.toolkit import ToolResult

_GO_ON = frozenset({"taken", "closed", "none"})  # somebody else may still have what this one has not


def with_somebody(visit: Visit, service: Service, run: Callable[[Visit], ToolResult]) -> ToolResult:
    """`run` at the practitioner whom the caller named, or at each who does `service` until one can; without practitioners, as it is."""
    people = [who for who in visit.desk.profile.booking.practitioners.values() if who.does(service.key)]
    if not people:
        return run(visit)
    if visit.text("practitioner"):
        who = _named(visit, people)
        return run(visit.at(who.key)) if who else _ask(visit, people)
    results = []
    for who in people:
        results.append(run(visit.at(who.key)))
        if results[-1].payload["status"] not in _GO_ON:
            return results[-1]
    return next((result for result in results if result.payload.get("times")), results[0])


def with_whom(visit: Visit, resource: str) -> str:
    """ " with Doctor Njeri", to be put behind a service; "" where nobody in particular was booked."""
    who = visit.desk.profile.booking.practitioners.get(resource)
    return visit.say("with_practitioner", name=_name(visit, who)) if who else ""


def at_diary_of(visit: Visit, appointment: Appointment) -> Visit:
    return visit.at(appointment.resource)


def _named(visit: Visit, people: list[Practitioner]) -> Practitioner | None:
    said = visit.text("practitioner").casefold()
    for who in people:
        if said == who.key or any(said == name.casefold() for names in who.names.values() for name in names):
            return who
    return None


def _ask(visit: Visit, people: list[Practitioner]) -> ToolResult:
    choices = [{"value": who.key, "spoken": _name(visit, who)} for who in people]
    listed = visit.listed([choice["spoken"] for choice in choices])
    return ask("which", visit.say("ask_practitioner", choices=listed), choices)


def _name(visit: Visit, who: Practitioner) -> str:
    return (who.names.get(visit.language) or next(iter(who.names.values())))[0]
